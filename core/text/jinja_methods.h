// The methods of str, list, tuple and dict that a template may call, as attributes of the value. What changes a list or
// dict in place is refused, as in Hugging Face's sandbox.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "core/text/jinja_machine.h"

namespace attune::jinja {

using Method = Value (*)(Machine&, const Value& self, const CallArguments&);
using Methods = std::unordered_map<std::string_view, Method>;

const Methods& stringMethods();

/// value.name when it is a method; `found` is a callable, or an undefined that says why it may not be used.
bool findMethod(const Value& value, const std::string& name, Value& found);

} // namespace attune::jinja
