// NormalFloat of 4 bits: blocks of 64 weights with one scale. Two weights a byte, the even one in the high half. A block
// has 16 possible values: they are computed first, then every weight is a look-up.
#include "core/nn/kernels/isa.h"

#if defined(__AVX2__)
#include <immintrin.h> // intrinsics only, which are always inlined
#if defined(__AVX512F__)
// GCC 12 warns about the deliberately undefined operands inside its own intrinsics (its bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif
#endif

namespace attune::kernels {
namespace ATTUNE_ISA {
namespace {

template <class T, class A = typename Arithmetic<T>::Type>
inline void blockValues(float scale, T values[16]) {
    for (int i = 0; i < 16; ++i)
        store(values + i, static_cast<A>(kNf4Values[i] * scale));
}

template <class T>
inline void wholeBlock(const std::uint8_t* codes, float scale, T* y) {
    alignas(64) T values[16];
    blockValues(scale, values);
    for (int i = 0; i < kNf4Block / 2; ++i) {
        y[2 * i] = values[codes[i] >> 4];
        y[2 * i + 1] = values[codes[i] & 15];
    }
}

#if defined(__AVX512BW__)

// The low and the high half of a byte, as indices of two neighbouring 16-bit lanes.
inline void wholeBlock(const std::uint8_t* codes, float scale, Bf16* y) {
    alignas(64) Bf16 values[16];
    blockValues(scale, values);
    const __m512i table = _mm512_broadcast_i64x4(_mm256_load_si256(reinterpret_cast<const __m256i*>(values)));
    for (int half = 0; half < 2; ++half) {
        const __m512i bytes =
            _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + 16 * half)));
        const __m512i index = _mm512_or_si512(
            _mm512_srli_epi32(bytes, 4), _mm512_slli_epi32(_mm512_and_si512(bytes, _mm512_set1_epi32(15)), 16));
        _mm512_storeu_si512(y + 32 * half, _mm512_permutexvar_epi16(index, table));
    }
}

inline void wholeBlock(const std::uint8_t* codes, float scale, float* y) {
    const __m512 table = _mm512_mul_ps(_mm512_loadu_ps(kNf4Values), _mm512_set1_ps(scale));
    for (int part = 0; part < 4; ++part) {
        const __m512i bytes = _mm512_cvtepu8_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(codes + 8 * part)));
        const __m512i index = _mm512_or_si512(
            _mm512_srli_epi64(bytes, 4), _mm512_slli_epi64(_mm512_and_si512(bytes, _mm512_set1_epi64(15)), 32));
        _mm512_storeu_ps(y + 16 * part, _mm512_permutexvar_ps(index, table));
    }
}

#elif defined(__AVX2__)

// A table of 16-bit values is two tables of bytes.
inline void wholeBlock(const std::uint8_t* codes, float scale, Bf16* y) {
    alignas(32) Bf16 values[16];
    blockValues(scale, values);
    alignas(16) std::uint8_t lowBytes[16], highBytes[16];
    for (int i = 0; i < 16; ++i) {
        lowBytes[i] = static_cast<std::uint8_t>(values[i].bits & 255u);
        highBytes[i] = static_cast<std::uint8_t>(values[i].bits >> 8);
    }
    const __m128i low = _mm_load_si128(reinterpret_cast<const __m128i*>(lowBytes)),
                  high = _mm_load_si128(reinterpret_cast<const __m128i*>(highBytes)), mask = _mm_set1_epi8(15);
    for (int half = 0; half < 2; ++half) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + 16 * half));
        const __m128i even = _mm_and_si128(_mm_srli_epi16(bytes, 4), mask), odd = _mm_and_si128(bytes, mask);
        const __m128i indices[2] = {_mm_unpacklo_epi8(even, odd), _mm_unpackhi_epi8(even, odd)};
        for (int i = 0; i < 2; ++i) {
            const __m128i a = _mm_shuffle_epi8(low, indices[i]), b = _mm_shuffle_epi8(high, indices[i]);
            auto* to = reinterpret_cast<__m128i*>(y + 32 * half + 16 * i);
            _mm_storeu_si128(to, _mm_unpacklo_epi8(a, b));
            _mm_storeu_si128(to + 1, _mm_unpackhi_epi8(a, b));
        }
    }
}

inline void wholeBlock(const std::uint8_t* codes, float scale, float* y) {
    const __m256 factor = _mm256_set1_ps(scale), first = _mm256_mul_ps(_mm256_loadu_ps(kNf4Values), factor),
                 second = _mm256_mul_ps(_mm256_loadu_ps(kNf4Values + 8), factor);
    for (int part = 0; part < 8; ++part) {
        std::int32_t four;
        __builtin_memcpy(&four, codes + 4 * part, sizeof four);
        const __m256i bytes = _mm256_cvtepu8_epi64(_mm_cvtsi32_si128(four));
        const __m256i index = _mm256_or_si256(
            _mm256_srli_epi64(bytes, 4), _mm256_slli_epi64(_mm256_and_si256(bytes, _mm256_set1_epi64x(15)), 32));
        const __m256 a = _mm256_permutevar8x32_ps(first, index), b = _mm256_permutevar8x32_ps(second, index);
        _mm256_storeu_ps(y + 8 * part, _mm256_blendv_ps(a, b, _mm256_castsi256_ps(_mm256_slli_epi32(index, 28))));
    }
}

#endif

template <class T, class A = typename Arithmetic<T>::Type>
void dequantize(const std::uint8_t* codes, const float* absmax, T* y, Int begin, Int end) {
    const Int firstBlock = begin / kNf4Block;
    for (Int i = begin; i < end;) {
        const Int block = i / kNf4Block, blockEnd = (block + 1) * kNf4Block, stop = end < blockEnd ? end : blockEnd;
        const float scale = absmax[block - firstBlock];
        if (stop - i == kNf4Block) {
            wholeBlock(codes + i / 2, scale, y + (i - begin));
        } else {
            T values[16];
            blockValues(scale, values);
            for (Int k = i; k < stop; ++k)
                y[k - begin] = values[k % 2 == 0 ? codes[k / 2] >> 4 : codes[k / 2] & 15];
        }
        i = stop;
    }
}

void quantize(const float* x, std::uint8_t* codes, float* absmax, Int n) {
    // Half-way between neighbouring values; as many of them as x exceeds are below x.
    constexpr float kThresholds[15] = {
        -0.8480964004993439f,  -0.6106329262256622f,  -0.4599952697753906f, -0.33967943489551544f, -0.23460740596055984f,
        -0.13791173323988914f, -0.045525018125772476f, 0.03979014977812767f, 0.1202552504837513f,   0.2035212516784668f,
        0.2920137718319893f,   0.3893125355243683f,   0.5016634166240692f,  0.6427869200706482f,   0.8614784181118011f};
    for (Int begin = 0; begin < n; begin += kNf4Block) {
        const Int count = n - begin < kNf4Block ? n - begin : kNf4Block;
        float largest = 0;
#pragma omp simd reduction(max : largest)
        for (Int i = 0; i < count; ++i) {
            const float size = x[begin + i] < 0 ? -x[begin + i] : x[begin + i];
            largest = size > largest ? size : largest;
        }
        absmax[begin / kNf4Block] = largest;
        const float inverse = 1.0f / (largest > 1e-38f ? largest : 1e-38f);
        alignas(64) std::int32_t found[kNf4Block] = {};
        ATTUNE_SIMD
        for (Int i = 0; i < count; ++i) {
            const float scaled = x[begin + i] * inverse;
            std::int32_t code = 0;
            for (int t = 0; t < 15; ++t)
                code += scaled > kThresholds[t] ? 1 : 0;
            found[i] = code;
        }
        for (Int i = 0; i < (count + 1) / 2; ++i)
            codes[begin / 2 + i] = static_cast<std::uint8_t>(found[2 * i] << 4 | (2 * i + 1 < count ? found[2 * i + 1] : 0));
    }
}

} // namespace

void fillNf4(Nf4Table& table) {
    table.quantize = quantize;
    table.dequantizeFloat = dequantize<float>;
    table.dequantizeDouble = dequantize<double>;
    table.dequantizeBf16 = dequantize<Bf16>;
}

} // namespace ATTUNE_ISA
} // namespace attune::kernels
