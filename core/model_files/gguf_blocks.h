// The forms in which GGUF stores numbers, and turning them back into f32. A row of a tensor is a sequence of blocks; a block of 32 (or
// 256) numbers holds small whole numbers and one or two scales (in blocks of 256 the scales themselves are whole numbers of 6 or 8 bits).
// Layouts: https://github.com/ggml-org/ggml (ggml-common.h describes them as structs). Stateless.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace attune {

/// The number each type has in the file.
enum class GgmlType : std::uint32_t {
    F32 = 0, F16 = 1, Q4_0 = 2, Q4_1 = 3, Q5_0 = 6, Q5_1 = 7, Q8_0 = 8, Q8_1 = 9, Q2_K = 10, Q3_K = 11, Q4_K = 12, Q5_K = 13, Q6_K = 14,
    Q8_K = 15, IQ2_XXS = 16, IQ2_XS = 17, IQ3_XXS = 18, IQ1_S = 19, IQ4_NL = 20, IQ3_S = 21, IQ2_S = 22, IQ4_XS = 23, I8 = 24, I16 = 25,
    I32 = 26, I64 = 27, F64 = 28, IQ1_M = 29, BF16 = 30, TQ1_0 = 34, TQ2_0 = 35, MXFP4 = 39,
};

struct GgmlTypeFacts {
    GgmlType type;
    const char* name;          // "Q4_K"
    std::uint32_t blockLength; // numbers in a block
    std::uint32_t blockBytes;
    bool readable; // dequantiseBlocks knows it (f16 and f32 included)
};
/// Nothing for a number no type has.
const GgmlTypeFacts* ggmlTypeFacts(std::uint32_t number);
const GgmlTypeFacts& ggmlTypeFacts(GgmlType type);

/// Turns whole blocks into numbers: bytes.size() / blockBytes * blockLength = out.size(). The type must be readable.
void dequantiseBlocks(GgmlType type, std::span<const std::byte> bytes, std::span<float> out);

/// IEEE half precision and bfloat16, as bits.
float halfToFloat(std::uint16_t half);
std::uint16_t floatToHalf(float value); // to nearest, ties to even; beyond the range gives infinity
std::uint16_t floatToBfloat16(float value);

} // namespace attune
