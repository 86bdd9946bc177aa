// The text of one answer while it grows: hands out pieces that are valid UTF-8 and never part of a stop string, however
// the tokens cut them. No torch.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace attune {

class TextStream {
public:
    explicit TextStream(std::vector<std::string> stops);

    /// Appends a token's bytes. Returns the piece that is safe to show now (may be empty).
    std::string append(std::string_view bytes);
    /// A stop string came; nothing after it counts.
    bool stopped() const { return m_stopped; }
    /// What was held back (an unfinished character becomes U+FFFD). Call once, at the end.
    std::string finish();
    /// Everything handed out so far.
    const std::string& text() const { return m_text; }

private:
    std::string release(std::size_t count);
    std::vector<std::string> m_stops;
    std::string m_held, m_text;
    bool m_stopped = false;
};

} // namespace attune
