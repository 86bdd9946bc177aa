#include "core/model_files/gguf_blocks.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace attune {

namespace {

constexpr std::array<GgmlTypeFacts, 32> kFacts{{{GgmlType::F32, "F32", 1, 4, true},
                                                {GgmlType::F16, "F16", 1, 2, true},
                                                {GgmlType::Q4_0, "Q4_0", 32, 18, true},
                                                {GgmlType::Q4_1, "Q4_1", 32, 20, true},
                                                {GgmlType::Q5_0, "Q5_0", 32, 22, true},
                                                {GgmlType::Q5_1, "Q5_1", 32, 24, true},
                                                {GgmlType::Q8_0, "Q8_0", 32, 34, true},
                                                {GgmlType::Q8_1, "Q8_1", 32, 36, false},
                                                {GgmlType::Q2_K, "Q2_K", 256, 84, false},
                                                {GgmlType::Q3_K, "Q3_K", 256, 110, false},
                                                {GgmlType::Q4_K, "Q4_K", 256, 144, true},
                                                {GgmlType::Q5_K, "Q5_K", 256, 176, true},
                                                {GgmlType::Q6_K, "Q6_K", 256, 210, true},
                                                {GgmlType::Q8_K, "Q8_K", 256, 292, false},
                                                {GgmlType::IQ2_XXS, "IQ2_XXS", 256, 66, false},
                                                {GgmlType::IQ2_XS, "IQ2_XS", 256, 74, false},
                                                {GgmlType::IQ3_XXS, "IQ3_XXS", 256, 98, false},
                                                {GgmlType::IQ1_S, "IQ1_S", 256, 50, false},
                                                {GgmlType::IQ4_NL, "IQ4_NL", 32, 18, false},
                                                {GgmlType::IQ3_S, "IQ3_S", 256, 110, false},
                                                {GgmlType::IQ2_S, "IQ2_S", 256, 82, false},
                                                {GgmlType::IQ4_XS, "IQ4_XS", 256, 136, false},
                                                {GgmlType::I8, "I8", 1, 1, false},
                                                {GgmlType::I16, "I16", 1, 2, false},
                                                {GgmlType::I32, "I32", 1, 4, false},
                                                {GgmlType::I64, "I64", 1, 8, false},
                                                {GgmlType::F64, "F64", 1, 8, false},
                                                {GgmlType::IQ1_M, "IQ1_M", 256, 56, false},
                                                {GgmlType::BF16, "BF16", 1, 2, true},
                                                {GgmlType::TQ1_0, "TQ1_0", 256, 54, false},
                                                {GgmlType::TQ2_0, "TQ2_0", 256, 66, false},
                                                {GgmlType::MXFP4, "MXFP4", 32, 17, false}}};

std::uint8_t byteAt(const std::byte* block, std::size_t at) {
    return std::to_integer<std::uint8_t>(block[at]);
}

float halfAt(const std::byte* block, std::size_t at) {
    return halfToFloat(static_cast<std::uint16_t>(byteAt(block, at) | byteAt(block, at + 1) << 8));
}

// Q4_0, Q4_1, Q5_0, Q5_1: number i is the low half of byte i, number 16 + i its high half; the fifth bits lie in one word of 32.
void readSmallBlock(const std::byte* block, bool minimum, bool fifthBit, float* out) {
    const float scale = halfAt(block, 0);
    const float offset = minimum ? halfAt(block, 2) : 0.0f;
    const int middle = minimum ? 0 : fifthBit ? 16 : 8;
    std::size_t at = minimum ? 4 : 2;
    std::uint32_t high = 0;
    if (fifthBit) {
        for (unsigned i = 0; i < 4; ++i)
            high |= std::uint32_t{byteAt(block, at + i)} << (8 * i);
        at += 4;
    }
    for (unsigned i = 0; i < 16; ++i) {
        const unsigned pair = byteAt(block, at + i);
        const int low = static_cast<int>((pair & 15) | (high >> i & 1) << 4);
        const int up = static_cast<int>(pair >> 4 | (high >> (i + 16) & 1) << 4);
        out[i] = static_cast<float>(low - middle) * scale + offset;
        out[i + 16] = static_cast<float>(up - middle) * scale + offset;
    }
}

// The eight (scale, minimum) pairs of 6 bits in 12 bytes of Q4_K and Q5_K: the first four whole, the other four with their upper two
// bits in the first eight bytes.
void readScales(const std::byte* packed, int* scales, int* minima) {
    for (unsigned j = 0; j < 4; ++j) {
        scales[j] = byteAt(packed, j) & 63;
        minima[j] = byteAt(packed, j + 4) & 63;
        scales[j + 4] = (byteAt(packed, j + 8) & 15) | (byteAt(packed, j) >> 6) << 4;
        minima[j + 4] = byteAt(packed, j + 8) >> 4 | (byteAt(packed, j + 4) >> 6) << 4;
    }
}

// 8 groups of 32: number = d * scale * q - dmin * minimum. Two groups share 32 bytes: low halves, then high halves.
void readQ45K(const std::byte* block, bool fifthBit, float* out) {
    const float d = halfAt(block, 0), dmin = halfAt(block, 2);
    int scales[8], minima[8];
    readScales(block + 4, scales, minima);
    const std::byte* high = block + 16; // 32 bytes, bit g of each belongs to group g; Q5_K only
    const std::byte* low = block + (fifthBit ? 48 : 16);
    for (unsigned group = 0; group < 8; ++group) {
        const float scale = d * static_cast<float>(scales[group]), minimum = dmin * static_cast<float>(minima[group]);
        for (unsigned i = 0; i < 32; ++i) {
            const unsigned pair = byteAt(low, group / 2 * 32 + i);
            unsigned code = group % 2 == 0 ? pair & 15 : pair >> 4;
            if (fifthBit)
                code |= (byteAt(high, i) >> group & 1u) << 4;
            out[group * 32 + i] = scale * static_cast<float>(code) - minimum;
        }
    }
}

// 16 groups of 16 with scales of 8 bits. In each half of 128, numbers i, 32 + i, 64 + i and 96 + i share one byte of upper bits.
void readQ6K(const std::byte* block, float* out) {
    const float d = halfAt(block, 208);
    for (unsigned half = 0; half < 2; ++half)
        for (unsigned quarter = 0; quarter < 4; ++quarter)
            for (unsigned i = 0; i < 32; ++i) {
                const unsigned pair = byteAt(block, half * 64 + quarter % 2 * 32 + i);
                const unsigned low = quarter < 2 ? pair & 15 : pair >> 4;
                const unsigned upper = byteAt(block, 128 + half * 32 + i) >> (2 * quarter) & 3u;
                const auto scale = static_cast<std::int8_t>(byteAt(block, 192 + half * 8 + quarter * 2 + i / 16));
                out[half * 128 + quarter * 32 + i] =
                    d * static_cast<float>(scale) * static_cast<float>(static_cast<int>(low | upper << 4) - 32);
            }
}

void readBlock(GgmlType type, const std::byte* block, float* out) {
    switch (type) {
    case GgmlType::F32:
        std::memcpy(out, block, 4);
        return;
    case GgmlType::F16:
        *out = halfAt(block, 0);
        return;
    case GgmlType::BF16:
        *out = std::bit_cast<float>(std::uint32_t{byteAt(block, 0)} << 16 | std::uint32_t{byteAt(block, 1)} << 24);
        return;
    case GgmlType::Q4_0:
        return readSmallBlock(block, false, false, out);
    case GgmlType::Q4_1:
        return readSmallBlock(block, true, false, out);
    case GgmlType::Q5_0:
        return readSmallBlock(block, false, true, out);
    case GgmlType::Q5_1:
        return readSmallBlock(block, true, true, out);
    case GgmlType::Q8_0: {
        const float scale = halfAt(block, 0);
        for (unsigned i = 0; i < 32; ++i)
            out[i] = scale * static_cast<float>(static_cast<std::int8_t>(byteAt(block, 2 + i)));
        return;
    }
    case GgmlType::Q4_K:
        return readQ45K(block, false, out);
    case GgmlType::Q5_K:
        return readQ45K(block, true, out);
    case GgmlType::Q6_K:
        return readQ6K(block, out);
    default:
        std::fill_n(out, ggmlTypeFacts(type).blockLength, 0.0f); // not readable: callers have refused it
    }
}

} // namespace

const GgmlTypeFacts* ggmlTypeFacts(std::uint32_t number) {
    const auto found = std::find_if(kFacts.begin(), kFacts.end(), [&](const GgmlTypeFacts& facts) {
        return static_cast<std::uint32_t>(facts.type) == number;
    });
    return found == kFacts.end() ? nullptr : &*found;
}

const GgmlTypeFacts& ggmlTypeFacts(GgmlType type) {
    return *ggmlTypeFacts(static_cast<std::uint32_t>(type));
}

void dequantiseBlocks(GgmlType type, std::span<const std::byte> bytes, std::span<float> out) {
    const GgmlTypeFacts& facts = ggmlTypeFacts(type);
    const std::size_t blocks = std::min(bytes.size() / facts.blockBytes, out.size() / facts.blockLength);
    for (std::size_t i = 0; i < blocks; ++i)
        readBlock(type, bytes.data() + i * facts.blockBytes, out.data() + i * facts.blockLength);
}

float halfToFloat(std::uint16_t half) {
    const std::uint32_t sign = std::uint32_t{half & 0x8000u} << 16;
    const std::uint32_t exponent = half >> 10 & 31, fraction = half & 1023;
    if (exponent == 31)
        return std::bit_cast<float>(sign | 0x7F800000u | fraction << 13);
    if (exponent != 0)
        return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
    const float value = static_cast<float>(fraction) * 0x1p-24f; // subnormal, or zero
    return sign ? -value : value;
}

std::uint16_t floatToHalf(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000u);
    const std::uint32_t magnitude = bits & 0x7FFFFFFFu;
    if (magnitude > 0x7F800000u)
        return static_cast<std::uint16_t>(sign | 0x7E00u); // NaN
    if (magnitude >= 0x477FF000u)                          // 65520 and above rounds to infinity
        return static_cast<std::uint16_t>(sign | 0x7C00u);
    if (magnitude < 0x38800000u) { // below the smallest normal half: adding 2^-1 * 2^... lets the FPU round at 2^-24
        const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
        return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) & 0x7FFu));
    }
    const std::uint32_t rounded = magnitude - 0x38000000u + 0xFFFu + (magnitude >> 13 & 1);
    return static_cast<std::uint16_t>(sign | rounded >> 13);
}

std::uint16_t floatToBfloat16(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if ((bits & 0x7FFFFFFFu) > 0x7F800000u)
        return static_cast<std::uint16_t>(bits >> 16 | 0x40u); // NaN stays NaN
    return static_cast<std::uint16_t>((bits + 0x7FFFu + (bits >> 16 & 1)) >> 16);
}

} // namespace attune
