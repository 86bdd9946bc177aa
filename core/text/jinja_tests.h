// Jinja's tests: what may stand behind "is".
#pragma once

#include <string_view>

#include "core/text/jinja_machine.h"

namespace attune::jinja {

bool isTest(std::string_view name);
/// Errors (Failure): Unsupported for a name that is none.
bool applyTest(Machine& machine, std::string_view name, const Value& input, const CallArguments& arguments);

} // namespace attune::jinja
