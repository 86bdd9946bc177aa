#include "core/base/markup.h"

namespace attune {

std::string htmlEscaped(std::string_view text) {
    std::string escaped;
    for (const char c : text) {
        switch (c) {
        case '&':
            escaped += "&amp;";
            break;
        case '<':
            escaped += "&lt;";
            break;
        case '>':
            escaped += "&gt;";
            break;
        case '"':
            escaped += "&quot;";
            break;
        case '\'':
            escaped += "&#39;";
            break;
        default:
            escaped += static_cast<unsigned char>(c) < 32 && c != '\n' && c != '\t' ? ' ' : c;
        }
    }
    return escaped;
}

std::string markdownEscaped(std::string_view text, std::string_view lineBreak) {
    std::string escaped;
    for (const char c : text) {
        if (std::string_view("\\`*_|<[").find(c) != std::string_view::npos)
            escaped += '\\';
        if (c == '\n')
            escaped += lineBreak;
        else if (c != '\r')
            escaped += c;
    }
    return escaped;
}

} // namespace attune
