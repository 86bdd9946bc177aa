#include "core/text/byte_level.h"

#include <array>

#include "core/text/utf8.h"

namespace attune::byte_level {

namespace {

constexpr std::uint32_t kShiftedEnd = 256 + 68; // 188 bytes are printable; the other 68 follow U+00FF in order

struct Tables {
    std::array<std::string, 256> characters;
    std::array<std::int16_t, kShiftedEnd> bytes;
    Tables() {
        bytes.fill(-1);
        std::uint32_t next = 256;
        for (std::uint32_t byte = 0; byte < 256; ++byte) {
            const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
            const std::uint32_t code = printable ? byte : next++;
            utf8::append(characters[byte], static_cast<char32_t>(code));
            bytes[code] = static_cast<std::int16_t>(byte);
        }
    }
};

const Tables& tables() {
    static const Tables instance;
    return instance;
}

} // namespace

std::string_view character(unsigned char byte) {
    return tables().characters[byte];
}

std::optional<unsigned char> byteOf(char32_t c) {
    if (c >= kShiftedEnd || tables().bytes[c] < 0)
        return std::nullopt;
    return static_cast<unsigned char>(tables().bytes[c]);
}

std::optional<std::string> decode(std::string_view token) {
    std::string raw;
    raw.reserve(token.size());
    for (std::size_t at = 0; at < token.size();) {
        const auto c = utf8::decode(token, at);
        const auto byte = byteOf(c.value);
        if (!byte)
            return std::nullopt;
        raw += static_cast<char>(*byte);
        at += c.size;
    }
    return raw;
}

} // namespace attune::byte_level
