// Memory of this process as the kernel counts it.
#pragma once

#include <cstdint>

namespace attune {

std::int64_t residentBytes();     // VmRSS
std::int64_t peakResidentBytes(); // VmHWM

} // namespace attune
