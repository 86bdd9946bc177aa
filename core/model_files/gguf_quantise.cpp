#include "core/model_files/gguf_quantise.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace attune {

namespace {

constexpr int kStepTrials = 9; // step sizes tried on each side of the obvious one, 1/10 of a code apart

int nearestCode(float value, int low, int high) {
    return std::clamp(static_cast<int>(std::lrint(std::clamp(value, -1e6f, 1e6f))), low, high);
}

float inverse(float value) {
    return value != 0.0f ? 1.0f / value : 0.0f;
}

void putHalf(std::byte* out, float value) {
    const std::uint16_t half = floatToHalf(value);
    std::memcpy(out, &half, 2);
}

float asHalf(float value) {
    return halfToFloat(floatToHalf(value));
}

// Large weights matter more for what a layer computes: squared errors count by rms + |x|.
void importance(std::span<const float> x, float* weights) {
    float squares = 0;
    for (const float each : x)
        squares += each * each;
    const float rms = std::sqrt(squares / static_cast<float>(x.size()));
    for (std::size_t i = 0; i < x.size(); ++i)
        weights[i] = rms + std::abs(x[i]);
}

// x ~ scale * q, q in [-levels, levels - 1]. The number of largest magnitude is given the code that reaches furthest.
float fitSymmetric(std::span<const float> x, int levels) {
    std::array<float, 32> weights{};
    importance(x, weights.data());
    float largest = 0;
    for (const float each : x)
        if (std::abs(each) > std::abs(largest))
            largest = each;
    if (largest == 0.0f)
        return 0.0f;
    float best = 0, bestGain = -1;
    for (int trial = -kStepTrials; trial <= kStepTrials; ++trial) {
        const float steps = -(static_cast<float>(levels) + 0.1f * static_cast<float>(trial)) / largest;
        float product = 0, squares = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            const auto code = static_cast<float>(nearestCode(steps * x[i], -levels, levels - 1));
            product += weights[i] * x[i] * code;
            squares += weights[i] * code * code;
        }
        if (squares > 0 && product * product > bestGain * squares) { // error = const - product^2 / squares
            bestGain = product * product / squares;
            best = product / squares;
        }
    }
    return best;
}

struct Affine {
    float scale = 0, minimum = 0; // x ~ scale * q - minimum, both >= 0
};

// q in [0, top]. `anyMinimum`: the minimum may also be negative (blocks of 32 with a minimum of their own).
Affine fitAffine(std::span<const float> x, int top, bool anyMinimum) {
    std::array<float, 32> weights{};
    importance(x, weights.data());
    float low = *std::min_element(x.begin(), x.end());
    const float high = *std::max_element(x.begin(), x.end());
    if (!anyMinimum)
        low = std::min(low, 0.0f);
    if (high <= low)
        return {0.0f, -low};
    Affine best;
    float bestError = INFINITY;
    for (int trial = -kStepTrials; trial <= kStepTrials; ++trial) {
        const float steps = (static_cast<float>(top) + 0.1f * static_cast<float>(trial)) / (high - low);
        float w = 0, wq = 0, wqq = 0, wx = 0, wxq = 0;
        std::array<float, 32> codes{};
        for (std::size_t i = 0; i < x.size(); ++i) {
            const auto code = static_cast<float>(nearestCode(steps * (x[i] - low), 0, top));
            codes[i] = code;
            w += weights[i], wq += weights[i] * code, wqq += weights[i] * code * code;
            wx += weights[i] * x[i], wxq += weights[i] * x[i] * code;
        }
        const float determinant = w * wqq - wq * wq;
        if (determinant <= 0)
            continue;
        Affine fit{(w * wxq - wx * wq) / determinant, (wq * wxq - wqq * wx) / determinant};
        if (fit.minimum < 0 && !anyMinimum)
            fit = {wqq > 0 ? wxq / wqq : 0.0f, 0.0f};
        if (fit.scale <= 0)
            continue;
        float error = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            const float difference = fit.scale * codes[i] - fit.minimum - x[i];
            error += weights[i] * difference * difference;
        }
        if (error < bestError)
            bestError = error, best = fit;
    }
    return bestError < INFINITY ? best : Affine{(high - low) / static_cast<float>(top), -low};
}

// The layouts are those that gguf_blocks.cpp reads.
void writeSmallBlock(std::span<const float> x, bool minimum, bool fifthBit, std::byte* out) {
    const int levels = fifthBit ? 16 : 8;
    std::array<unsigned, 32> codes{};
    if (minimum) {
        const Affine fit = fitAffine(x, 2 * levels - 1, true);
        const float scale = asHalf(fit.scale), offset = asHalf(-fit.minimum);
        putHalf(out, scale), putHalf(out + 2, offset);
        for (std::size_t i = 0; i < 32; ++i)
            codes[i] = static_cast<unsigned>(nearestCode((x[i] - offset) * inverse(scale), 0, 2 * levels - 1));
        out += 4;
    } else {
        const float scale = asHalf(fitSymmetric(x, levels));
        putHalf(out, scale);
        for (std::size_t i = 0; i < 32; ++i)
            codes[i] = static_cast<unsigned>(nearestCode(x[i] * inverse(scale), -levels, levels - 1) + levels);
        out += 2;
    }
    if (fifthBit) {
        std::uint32_t high = 0;
        for (unsigned i = 0; i < 32; ++i)
            high |= (codes[i] >> 4 & 1) << i;
        std::memcpy(out, &high, 4);
        out += 4;
    }
    for (std::size_t i = 0; i < 16; ++i)
        out[i] = static_cast<std::byte>((codes[i] & 15) | (codes[i + 16] & 15) << 4);
}

void writeQ8(std::span<const float> x, std::byte* out) {
    float largest = 0;
    for (const float each : x)
        largest = std::max(largest, std::abs(each));
    const float scale = asHalf(largest / 127.0f);
    putHalf(out, scale);
    for (std::size_t i = 0; i < 32; ++i)
        out[2 + i] = static_cast<std::byte>(static_cast<std::int8_t>(nearestCode(x[i] * inverse(scale), -127, 127)));
}

void writeQ45K(std::span<const float> x, bool fifthBit, std::byte* out) {
    const int top = fifthBit ? 31 : 15;
    std::array<Affine, 8> fits{};
    float largestScale = 0, largestMinimum = 0;
    for (std::size_t group = 0; group < 8; ++group) {
        fits[group] = fitAffine(x.subspan(group * 32, 32), top, false);
        largestScale = std::max(largestScale, fits[group].scale);
        largestMinimum = std::max(largestMinimum, fits[group].minimum);
    }
    const float d = asHalf(largestScale / 63), dmin = asHalf(largestMinimum / 63);
    std::memset(out, 0, fifthBit ? 176 : 144);
    putHalf(out, d), putHalf(out + 2, dmin);
    std::array<unsigned, 8> scales{}, minima{};
    for (std::size_t group = 0; group < 8; ++group) {
        scales[group] = static_cast<unsigned>(nearestCode(fits[group].scale * inverse(d), 0, 63));
        minima[group] = static_cast<unsigned>(nearestCode(fits[group].minimum * inverse(dmin), 0, 63));
    }
    std::byte* packed = out + 4;
    for (std::size_t j = 0; j < 4; ++j) {
        packed[j] = static_cast<std::byte>(scales[j] | (scales[j + 4] >> 4) << 6);
        packed[j + 4] = static_cast<std::byte>(minima[j] | (minima[j + 4] >> 4) << 6);
        packed[j + 8] = static_cast<std::byte>((scales[j + 4] & 15) | (minima[j + 4] & 15) << 4);
    }
    std::byte* high = out + 16;
    std::byte* low = out + (fifthBit ? 48 : 16);
    for (std::size_t group = 0; group < 8; ++group) {
        const float scale = d * static_cast<float>(scales[group]), minimum = dmin * static_cast<float>(minima[group]);
        for (std::size_t i = 0; i < 32; ++i) {
            const auto code = static_cast<unsigned>(nearestCode((x[group * 32 + i] + minimum) * inverse(scale), 0, top));
            low[group / 2 * 32 + i] |= static_cast<std::byte>((code & 15) << (group % 2 * 4));
            if (fifthBit)
                high[i] |= static_cast<std::byte>((code >> 4) << group);
        }
    }
}

void writeQ6K(std::span<const float> x, std::byte* out) {
    std::array<float, 16> fits{};
    float largest = 0;
    for (std::size_t group = 0; group < 16; ++group) {
        fits[group] = fitSymmetric(x.subspan(group * 16, 16), 32);
        if (std::abs(fits[group]) > std::abs(largest))
            largest = fits[group];
    }
    const float d = asHalf(largest / -128.0f);
    std::memset(out, 0, 210);
    putHalf(out + 208, d);
    for (std::size_t group = 0; group < 16; ++group) {
        const int scale = nearestCode(fits[group] * inverse(d), -128, 127);
        out[192 + group] = static_cast<std::byte>(static_cast<std::int8_t>(scale));
        const std::size_t half = group / 8, quarter = group % 8 / 2, first = group % 2 * 16;
        for (std::size_t i = 0; i < 16; ++i) {
            const float step = d * static_cast<float>(scale);
            const auto code = static_cast<unsigned>(nearestCode(x[group * 16 + i] * inverse(step), -32, 31) + 32);
            const std::size_t place = first + i; // within the quarter's 32
            out[half * 64 + quarter % 2 * 32 + place] |= static_cast<std::byte>((code & 15) << (quarter / 2 * 4));
            out[128 + half * 32 + place] |= static_cast<std::byte>((code >> 4) << (2 * quarter));
        }
    }
}

void writeBlock(GgmlType type, std::span<const float> x, std::byte* out) {
    switch (type) {
    case GgmlType::F32:
        std::memcpy(out, x.data(), 4);
        return;
    case GgmlType::F16:
        putHalf(out, x[0]);
        return;
    case GgmlType::BF16: {
        const std::uint16_t bits = floatToBfloat16(x[0]);
        std::memcpy(out, &bits, 2);
        return;
    }
    case GgmlType::Q4_0:
        return writeSmallBlock(x, false, false, out);
    case GgmlType::Q5_0:
        return writeSmallBlock(x, false, true, out);
    case GgmlType::Q5_1:
        return writeSmallBlock(x, true, true, out);
    case GgmlType::Q8_0:
        return writeQ8(x, out);
    case GgmlType::Q4_K:
        return writeQ45K(x, false, out);
    case GgmlType::Q5_K:
        return writeQ45K(x, true, out);
    case GgmlType::Q6_K:
        return writeQ6K(x, out);
    default:
        std::memset(out, 0, ggmlTypeFacts(type).blockBytes); // canQuantise() says no
    }
}

} // namespace

bool canQuantise(GgmlType type) {
    constexpr std::array kWritten{GgmlType::F32,  GgmlType::F16,  GgmlType::BF16, GgmlType::Q4_0, GgmlType::Q5_0,
                                  GgmlType::Q5_1, GgmlType::Q8_0, GgmlType::Q4_K, GgmlType::Q5_K, GgmlType::Q6_K};
    return std::find(kWritten.begin(), kWritten.end(), type) != kWritten.end();
}

void quantiseRow(GgmlType type, std::span<const float> numbers, std::span<std::byte> out) {
    const GgmlTypeFacts& facts = ggmlTypeFacts(type);
    const std::size_t blocks = std::min(numbers.size() / facts.blockLength, out.size() / facts.blockBytes);
    for (std::size_t i = 0; i < blocks; ++i)
        writeBlock(type, numbers.subspan(i * facts.blockLength, facts.blockLength), out.data() + i * facts.blockBytes);
}

} // namespace attune
