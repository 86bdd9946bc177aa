#include "core/text/jinja_text.h"

#include <algorithm>

namespace attune::jinja {

Text::Text(std::string bytes, Marks marks) : m_bytes(std::move(bytes)) {
    if (!m_bytes.empty())
        m_runs.push_back({m_bytes.size(), marks});
}

bool Text::hasContent() const {
    return std::any_of(m_runs.begin(), m_runs.end(), [](const Run& run) { return (run.marks & kContent) != 0; });
}

Marks Text::marksAt(std::size_t position) const {
    const auto run = std::upper_bound(m_runs.begin(), m_runs.end(), position,
                                      [](std::size_t at, const Run& candidate) { return at < candidate.end; });
    return run == m_runs.end() ? kTemplate : run->marks;
}

void Text::append(std::string_view bytes, Marks marks) {
    if (bytes.empty())
        return;
    m_bytes += bytes;
    if (!m_runs.empty() && m_runs.back().marks == marks)
        m_runs.back().end = m_bytes.size();
    else
        m_runs.push_back({m_bytes.size(), marks});
}

void Text::append(const Text& other, Marks extra) {
    append(other, 0, other.size(), extra);
}

void Text::append(const Text& other, std::size_t begin, std::size_t end, Marks extra) {
    if (&other == this) { // the loop below must not read runs that it changes
        const Text copy = other;
        append(copy, begin, end, extra);
        return;
    }
    auto run = std::upper_bound(other.m_runs.begin(), other.m_runs.end(), begin,
                                [](std::size_t at, const Run& candidate) { return at < candidate.end; });
    for (; begin < end && run != other.m_runs.end(); ++run) {
        const std::size_t stop = std::min(end, run->end);
        append(std::string_view(other.m_bytes).substr(begin, stop - begin), static_cast<Marks>(run->marks | extra));
        begin = stop;
    }
}

Text Text::slice(std::size_t begin, std::size_t end) const {
    Text result;
    result.append(*this, begin, end);
    return result;
}

bool isPythonSpace(char32_t codePoint) {
    return (codePoint >= 0x1C && codePoint <= 0x1F) || utf8::isWhitespace(codePoint);
}

std::size_t countCodePoints(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char byte) { return !utf8::isContinuation(byte); }));
}

std::size_t bytePosition(std::string_view text, std::size_t index) {
    std::size_t at = 0;
    for (; at < text.size(); ++at) {
        if (!utf8::isContinuation(text[at]) && index-- == 0)
            return at;
    }
    return at;
}

} // namespace attune::jinja
