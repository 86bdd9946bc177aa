#include "core/text/jinja_strings.h"

#include <algorithm>

#include <utf8proc.h>

namespace attune::jinja {

namespace {

void appendUpper(char32_t point, std::string& out) {
    if (point < 0x80)
        out += static_cast<char>(point >= 'a' && point <= 'z' ? point - 32 : point);
    else if (point == 0xDF) // the one letter of everyday text whose capital is two letters
        out += "SS";
    else
        utf8::append(out, static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(point))));
}

void appendLower(char32_t point, std::string& out) {
    if (point < 0x80)
        out += static_cast<char>(point >= 'A' && point <= 'Z' ? point + 32 : point);
    else
        utf8::append(out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(point))));
}

// Length of the line break at `at`, 0 when there is none (str.splitlines' list).
std::size_t lineBreakAt(std::string_view text, std::size_t at) {
    const utf8::CodePoint point = utf8::decode(text, at);
    switch (point.value) {
    case '\r':
        return at + 1 < text.size() && text[at + 1] == '\n' ? 2 : 1;
    case '\n':
    case '\v':
    case '\f':
    case 0x1C:
    case 0x1D:
    case 0x1E:
    case 0x85:
    case 0x2028:
    case 0x2029:
        return point.size;
    default:
        return 0;
    }
}

std::vector<Text> splitAtSpace(const Text& text, std::int64_t limit) {
    std::vector<Text> parts;
    const std::string& bytes = text.bytes();
    std::size_t at = 0;
    const auto isSpace = [&](std::size_t position) { return isPythonSpace(utf8::decode(bytes, position).value); };
    while (true) {
        while (at < bytes.size() && isSpace(at))
            at += utf8::decode(bytes, at).size;
        if (at >= bytes.size())
            return parts;
        if (limit >= 0 && static_cast<std::int64_t>(parts.size()) == limit) {
            parts.push_back(stripped(text.slice(at, bytes.size()), std::nullopt, false, true));
            return parts;
        }
        const std::size_t begin = at;
        while (at < bytes.size() && !isSpace(at))
            at += utf8::decode(bytes, at).size;
        parts.push_back(text.slice(begin, at));
    }
}

std::vector<Text> splitAtSpaceFromRight(const Text& text, std::int64_t limit) {
    std::vector<Text> parts;
    const std::string& bytes = text.bytes();
    std::size_t end = bytes.size();
    const auto spaceBefore = [&](std::size_t position) {
        return isPythonSpace(utf8::decode(bytes, utf8::previous(bytes, position)).value);
    };
    while (true) {
        while (end > 0 && spaceBefore(end))
            end = utf8::previous(bytes, end);
        if (end == 0)
            break;
        if (limit >= 0 && static_cast<std::int64_t>(parts.size()) == limit) {
            parts.push_back(stripped(text.slice(0, end), std::nullopt, true, false));
            break;
        }
        std::size_t begin = end;
        while (begin > 0 && !spaceBefore(begin))
            begin = utf8::previous(bytes, begin);
        parts.push_back(text.slice(begin, end));
        end = begin;
    }
    std::reverse(parts.begin(), parts.end());
    return parts;
}

} // namespace

bool isLetter(char32_t codePoint) {
    if (codePoint < 0x80)
        return (codePoint | 32) >= 'a' && (codePoint | 32) <= 'z';
    const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(codePoint));
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}
bool isUpper(char32_t codePoint) {
    return utf8proc_category(static_cast<utf8proc_int32_t>(codePoint)) == UTF8PROC_CATEGORY_LU;
}
bool isLower(char32_t codePoint) {
    return utf8proc_category(static_cast<utf8proc_int32_t>(codePoint)) == UTF8PROC_CATEGORY_LL;
}

Text upperCase(const Text& text) {
    return text.mapped(appendUpper);
}
Text lowerCase(const Text& text) {
    return text.mapped(appendLower);
}

Text titleCase(const Text& text) {
    bool inWord = false;
    return text.mapped([&](char32_t point, std::string& out) {
        if (inWord)
            appendLower(point, out);
        else
            appendUpper(point, out);
        inWord = isLetter(point);
    });
}

Text capitalized(const Text& text) {
    bool first = true;
    return text.mapped([&](char32_t point, std::string& out) {
        if (std::exchange(first, false))
            appendUpper(point, out);
        else
            appendLower(point, out);
    });
}

Text stripped(const Text& text, const std::optional<std::string_view>& characters, bool left, bool right) {
    const std::string& bytes = text.bytes();
    const auto strips = [&](std::size_t at) {
        const utf8::CodePoint point = utf8::decode(bytes, at);
        if (!characters)
            return isPythonSpace(point.value);
        return characters->find(std::string_view(bytes).substr(at, point.size)) != std::string_view::npos;
    };
    std::size_t begin = 0, end = bytes.size();
    while (left && begin < end && strips(begin))
        begin += utf8::decode(bytes, begin).size;
    while (right && end > begin && strips(utf8::previous(bytes, end)))
        end = utf8::previous(bytes, end);
    return text.slice(begin, end);
}

std::vector<Text> split(const Text& text, const std::optional<std::string_view>& separator, std::int64_t limit,
                        bool fromRight) {
    if (!separator)
        return fromRight ? splitAtSpaceFromRight(text, limit) : splitAtSpace(text, limit);
    std::vector<Text> parts;
    const std::string& bytes = text.bytes();
    if (fromRight) {
        std::size_t end = bytes.size();
        while (limit < 0 || static_cast<std::int64_t>(parts.size()) < limit) {
            const std::size_t found =
                end < separator->size() ? std::string::npos : bytes.rfind(*separator, end - separator->size());
            if (found == std::string::npos)
                break;
            parts.push_back(text.slice(found + separator->size(), end));
            end = found;
        }
        parts.push_back(text.slice(0, end));
        std::reverse(parts.begin(), parts.end());
        return parts;
    }
    std::size_t begin = 0;
    while (limit < 0 || static_cast<std::int64_t>(parts.size()) < limit) {
        const std::size_t found = bytes.find(*separator, begin);
        if (found == std::string::npos)
            break;
        parts.push_back(text.slice(begin, found));
        begin = found + separator->size();
    }
    parts.push_back(text.slice(begin, bytes.size()));
    return parts;
}

std::vector<Text> splitLines(const Text& text, bool keepEnds) {
    std::vector<Text> lines;
    const std::string& bytes = text.bytes();
    std::size_t begin = 0;
    for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t lineBreak = lineBreakAt(bytes, at);
        if (lineBreak == 0) {
            at += utf8::decode(bytes, at).size;
            continue;
        }
        lines.push_back(text.slice(begin, keepEnds ? at + lineBreak : at));
        begin = at += lineBreak;
    }
    if (begin < bytes.size())
        lines.push_back(text.slice(begin, bytes.size()));
    return lines;
}

Text replaced(const Text& text, std::string_view from, const Text& to, std::int64_t count) {
    Text out;
    const std::string& bytes = text.bytes();
    std::size_t begin = 0;
    std::int64_t done = 0;
    if (from.empty()) {
        for (; count < 0 || done < count; ++done) {
            out.append(to);
            if (begin >= bytes.size())
                break;
            const std::size_t next = begin + utf8::decode(bytes, begin).size;
            out.append(text, begin, next);
            begin = next;
        }
    } else {
        for (; count < 0 || done < count; ++done) {
            const std::size_t found = bytes.find(from, begin);
            if (found == std::string::npos)
                break;
            out.append(text, begin, found);
            out.append(to);
            begin = found + from.size();
        }
    }
    out.append(text, begin, bytes.size());
    return out;
}

std::size_t countMatches(std::string_view text, std::string_view part) {
    if (part.empty())
        return countCodePoints(text) + 1;
    std::size_t count = 0;
    for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size()))
        ++count;
    return count;
}

} // namespace attune::jinja
