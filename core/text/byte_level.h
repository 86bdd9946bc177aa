// GPT-2's alphabet: each of the 256 bytes written as one printable character. Stateless; safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace attune::byte_level {

/// The character (UTF-8) that stands for a byte.
std::string_view character(unsigned char byte);
/// The byte a character stands for.
std::optional<unsigned char> byteOf(char32_t character);
/// Token text to raw bytes; nothing when some character is not of the alphabet.
std::optional<std::string> decode(std::string_view token);

} // namespace attune::byte_level
