// The case of letters as Python's str has it: the full mappings of Unicode (one letter may become three), title case, the final sigma, and
// who counts as upper and lower case. Pure.
#pragma once

#include "core/text/jinja_text.h"

namespace attune::jinja {

Text upperCase(const Text& text);
Text lowerCase(const Text& text);
/// str.title: a letter behind a character without case becomes title case, the others lower case.
Text titleCase(const Text& text);
/// str.capitalize: the first in title case, the rest in lower case.
Text capitalized(const Text& text);
Text swappedCase(const Text& text);
/// str.casefold, for comparisons.
Text foldedCase(const Text& text);

bool isLetter(char32_t codePoint);
bool isUpper(char32_t codePoint);
bool isLower(char32_t codePoint);
bool isTitle(char32_t codePoint); // one letter made of an upper and a lower case one, such as U+01C5

} // namespace attune::jinja
