// The text side of inspectComputer (estimate.h): reads /proc and cgroup files given as text. Pure functions.
#pragma once

#include <string_view>

#include "core/plan/estimate.h"

namespace attune {

void readCpuInfo(Computer& computer, std::string_view text);
void readMemInfo(Computer& computer, std::string_view text);
/// A container's limit and use in bytes (cgroup v2 memory.max, memory.current); "max" and larger limits change nothing.
void limitMemory(Computer& computer, std::string_view limit, std::string_view used);

} // namespace attune
