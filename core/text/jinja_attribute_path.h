// Paths to members of members, as filters take them: "function.name", "0.id". Pure functions.
#pragma once

#include <vector>

#include "core/text/jinja_machine.h"

namespace attune::jinja {

/// The parts of a path; those that are digits are indices.
std::vector<Value> attributePath(const Value& attribute);
/// The member at the end of the path; `fallback`, when given, stands in wherever one is undefined.
Value follow(Machine& machine, Value value, const std::vector<Value>& path, const Value* fallback = nullptr);

} // namespace attune::jinja
