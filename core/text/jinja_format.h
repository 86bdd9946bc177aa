// How values become text: Python's str() and repr(), float formatting, and json.dumps as Hugging Face's `tojson` calls
// it. Content stays content; text made from a container that holds any content is content altogether.
#pragma once

#include <optional>
#include <string>

#include "core/text/jinja_machine.h"

namespace attune::jinja {

std::string formatFloat(double number);
/// What repr() shows as it is: no control, format, private or unassigned character and no blank but the plain one.
bool isPrintable(char32_t codePoint);
/// repr() of one string.
std::string reprOf(std::string_view text);
/// str(); undefined gives "".
Text toText(Machine& machine, const Value& value);
Text toRepr(Machine& machine, const Value& value);

struct JsonStyle {
    bool asciiOnly = false;
    std::optional<std::string> indent; // what one level adds; absent: one line
    std::string itemSeparator = ", ", keySeparator = ": ";
    bool sortKeys = false;
};
/// Fails on values JSON has no form for, as json.dumps does.
Text toJson(Machine& machine, const Value& value, const JsonStyle& style);

} // namespace attune::jinja
