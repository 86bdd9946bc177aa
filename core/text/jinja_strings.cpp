#include "core/text/jinja_strings.h"

#include <algorithm>

namespace attune::jinja {

namespace {

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
            parts.push_back(text.slice(at, bytes.size())); // what is left keeps its white space
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
            parts.push_back(text.slice(0, end));
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

Text tabsExpanded(const Text& text, std::int64_t width) {
    std::int64_t column = 0;
    return text.mapped([&](char32_t point, std::string& out) {
        if (point == '\t') {
            const std::int64_t blanks = width > 0 ? width - column % width : 0;
            out.append(static_cast<std::size_t>(blanks), ' ');
            column += blanks;
            return;
        }
        utf8::append(out, point);
        column = point == '\n' || point == '\r' ? 0 : column + 1;
    });
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
