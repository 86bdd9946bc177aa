// White space of data files: space, tab, CR, LF (never locale-dependent). Stateless.
#pragma once

#include <string_view>

namespace attune {

inline constexpr std::string_view kSpace = " \t\r\n";

inline bool isBlank(std::string_view text) {
    return text.find_first_not_of(kSpace) == std::string_view::npos;
}

/// `text` without white space at either end; a view into it.
inline std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(kSpace);
    return first == std::string_view::npos ? std::string_view{}
                                           : text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

} // namespace attune
