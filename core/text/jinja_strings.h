// Python's str functions on text with origins, shared by methods and filters; those about case are in jinja_case.h. Pure; positions are bytes.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "core/text/jinja_text.h"

namespace attune::jinja {

/// Removes white space, or the given characters, from the chosen ends.
Text stripped(const Text& text, const std::optional<std::string_view>& characters, bool left, bool right);
/// At white space without a separator. `limit` < 0: no limit. The separator is not empty.
std::vector<Text> split(const Text& text, const std::optional<std::string_view>& separator, std::int64_t limit,
                        bool fromRight);
std::vector<Text> splitLines(const Text& text, bool keepEnds);
/// count < 0: all. An empty `from` matches between all characters, as in Python.
Text replaced(const Text& text, std::string_view from, const Text& to, std::int64_t count);
std::size_t countMatches(std::string_view text, std::string_view part);
/// Tabs become blanks up to the next multiple of `width` in the line.
Text tabsExpanded(const Text& text, std::int64_t width);

} // namespace attune::jinja
