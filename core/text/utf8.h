// UTF-8 and character classes for the tokenizers. Stateless; safe from any thread. Functions that take a position
// expect text that passed isValidUtf8.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace attune::utf8 {

/// Strict: no overlong forms, surrogates or values above U+10FFFF. Returns the first bad byte or text.size().
std::size_t firstInvalid(std::string_view text);

struct CodePoint {
    char32_t value = 0;
    std::uint32_t size = 1; // bytes
};

/// The code point at `at` (< text.size()) of valid text.
inline CodePoint decode(std::string_view text, std::size_t at) {
    const auto byte = [&](std::size_t i) {
        return static_cast<std::uint32_t>(static_cast<unsigned char>(text[at + i]));
    };
    const std::uint32_t lead = byte(0);
    const std::size_t left = text.size() - at;
    if (lead < 0x80)
        return {static_cast<char32_t>(lead), 1};
    if (lead < 0xE0 && left >= 2)
        return {static_cast<char32_t>((lead & 0x1F) << 6 | (byte(1) & 0x3F)), 2};
    if (lead < 0xF0 && left >= 3)
        return {static_cast<char32_t>((lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F)), 3};
    if (left >= 4)
        return {static_cast<char32_t>((lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 |
                                      (byte(3) & 0x3F)),
                4};
    return {0xFFFD, 1};
}

inline bool isContinuation(char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

/// Start of the last code point of [0, end), end > 0.
inline std::size_t previous(std::string_view text, std::size_t end) {
    do
        --end;
    while (end > 0 && isContinuation(text[end]));
    return end;
}

/// At most `bytes` bytes from the front, without cutting a character.
inline std::string_view prefix(std::string_view text, std::size_t bytes) {
    while (bytes < text.size() && bytes > 0 && isContinuation(text[bytes]))
        --bytes;
    return text.substr(0, bytes);
}

void append(std::string& out, char32_t codePoint);

/// Every maximal broken part becomes U+FFFD (what Rust's from_utf8_lossy prints).
std::string replaceInvalid(std::string_view bytes);

bool isWhitespace(char32_t codePoint);  // the Unicode property White_Space
bool isDecimal(char32_t codePoint);     // category Nd
bool isNumeric(char32_t codePoint);     // categories Nd, Nl, No
bool isPunctuation(char32_t codePoint); // ASCII punctuation and symbols, or category P
bool isMark(char32_t codePoint);        // categories Mn, Mc, Me
bool isWord(char32_t codePoint);        // \w

} // namespace attune::utf8
