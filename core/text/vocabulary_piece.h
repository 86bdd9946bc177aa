// One entry of a vocabulary as sentencepiece models and GGUF files list them, by id. Plain data.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace attune {

/// The numbers are those of both formats.
enum class PieceKind : std::uint8_t { Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unused = 5, Byte = 6 };

/// Longer pieces are not matched: every text would be searched for them at every place.
constexpr std::size_t kMaxPieceBytes = 1024;

struct VocabularyPiece {
    std::string text;
    float score = 0;
    PieceKind kind = PieceKind::Normal;
};

} // namespace attune
