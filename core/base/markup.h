// Text into HTML and Markdown so that it shows as it is and can mark up nothing.
#pragma once

#include <string>
#include <string_view>

namespace attune {

/// For element content and quoted attributes; control characters HTML does not allow become spaces.
std::string htmlEscaped(std::string_view text);
/// For running text and table cells; line breaks become `lineBreak`.
std::string markdownEscaped(std::string_view text, std::string_view lineBreak = " ");

} // namespace attune
