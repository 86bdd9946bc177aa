// One value against its ParamSpec, and text to value: shared by the recipe reader, --set, forms and the conformance
// tests.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/base/param_spec.h"
#include "core/base/result.h"

namespace attune {

/// Type, range and choices. Errors: InvalidArgument naming `field` and what is allowed. Integers are accepted for
/// doubles.
Status checkParam(const ParamSpec& spec, const ParamValue& value, std::string_view field);
/// The text of a recipe or a command line as a value of the spec's type; lists are separated by commas. Errors: as
/// checkParam.
Result<ParamValue> parseParam(const ParamSpec& spec, std::string_view text, std::string_view field);
/// Shortest text that parseParam reads back to the same value.
std::string paramText(const ParamValue& value);
const ParamSpec* findParam(std::span<const ParamSpec> specs, std::string_view key);
/// Whether the knob does anything with these values of its list (ParamSpec::onlyWhen); missing values are the defaults.
bool takesEffect(const ParamSpec& spec, const ParamMap& values, const std::vector<ParamSpec>& specs);
/// The candidate with the fewest edits from `word`, or "" when none is near (more than a third of the letters differ).
std::string nearestWord(std::string_view word, std::span<const std::string> candidates);

} // namespace attune
