#include "core/engine/text_stream.h"

#include <algorithm>

#include "core/text/utf8.h"

namespace attune {

namespace {

// Length of a character begun at the end of `bytes` whose rest may still come; 0 when the end is whole or hopeless.
std::size_t unfinished(std::string_view bytes) {
    for (std::size_t back = 1; back <= std::min<std::size_t>(3, bytes.size()); ++back) {
        const auto byte = static_cast<unsigned char>(bytes[bytes.size() - back]);
        if ((byte & 0xC0) == 0x80)
            continue;
        const std::size_t needed = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
        return needed > back ? back : 0;
    }
    return 0;
}

} // namespace

TextStream::TextStream(std::vector<std::string> stops) : m_stops(std::move(stops)) {
    std::erase_if(m_stops, [](const std::string& stop) { return stop.empty(); });
}

std::string TextStream::release(std::size_t count) {
    std::string piece = utf8::replaceInvalid(std::string_view(m_held).substr(0, count));
    m_held.erase(0, count);
    m_text += piece;
    return piece;
}

std::string TextStream::append(std::string_view bytes) {
    if (m_stopped)
        return {};
    m_held += bytes;
    std::size_t cut = std::string::npos;
    for (const std::string& stop : m_stops)
        cut = std::min(cut, m_held.find(stop));
    if (cut != std::string::npos) {
        m_stopped = true;
        m_held.resize(cut);
        return release(cut);
    }
    std::size_t keep = unfinished(m_held);
    for (const std::string& stop : m_stops)
        for (std::size_t length = std::min(stop.size() - 1, m_held.size()); length > keep; --length)
            if (std::string_view(m_held).substr(m_held.size() - length) == std::string_view(stop).substr(0, length)) {
                keep = length;
                break;
            }
    // A held stop prefix may begin behind an unfinished character: never cut that one open.
    const std::size_t ready = m_held.size() - keep;
    return release(ready - unfinished(std::string_view(m_held).substr(0, ready)));
}

std::string TextStream::finish() {
    return release(m_held.size());
}

} // namespace attune
