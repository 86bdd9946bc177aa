// Products with weights in 8 bits: half the bytes of bf16, and decoding is bound by them.
#include <algorithm>
#include <cmath>

#include "core/nn/kernels/clones.h"
#include "core/nn/kernels/decode_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized" // as in decode_kernels.cpp
#define ATTUNE_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))
#endif

namespace attune::decode {

namespace {

ATTUNE_CLONES void eightBitPlain(const EightBitProduct& job, std::int64_t begin, std::int64_t end) {
    const std::int64_t width = job.groups * kEightBitGroup;
    for (std::int64_t o = begin; o < end; ++o)
        for (std::int64_t r = 0; r < job.rows; ++r) {
            float total = 0;
            for (std::int64_t g = 0; g < job.groups; ++g) {
                const std::int8_t* w = job.codes + o * width + g * kEightBitGroup;
                const float* x = job.x + r * width + g * kEightBitGroup;
                float sum = 0;
#pragma omp simd reduction(+ : sum)
                for (std::int64_t i = 0; i < kEightBitGroup; ++i)
                    sum += static_cast<float>(w[i]) * x[i];
                total += job.scales[o * job.groups + g] * sum;
            }
            job.y[r * job.yStride + o] = total;
        }
}

#if defined(__x86_64__)

constexpr int kVectors = kEightBitGroup / 16;
constexpr std::int64_t kAhead = 4096; // weights asked for in advance

// Outputs rows of the matrix at once: as many streams from memory, and x is read once for them.
template <int Outputs, int Rows>
ATTUNE_AVX512 __attribute__((always_inline)) inline void eightBitTile(const EightBitProduct& job, std::int64_t o,
                                                              std::int64_t row) {
    const std::int64_t width = job.groups * kEightBitGroup;
    __m512 totals[Outputs][Rows];
#pragma GCC unroll 16
    for (int i = 0; i < Outputs; ++i)
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r)
            totals[i][r] = _mm512_setzero_ps();
    const std::int8_t* w = job.codes + o * width;
    const float* scales = job.scales + o * job.groups;
    const float* x = job.x + row * width;
    for (std::int64_t g = 0; g < job.groups; ++g) {
        __m512 values[Rows][kVectors];
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
            for (int v = 0; v < kVectors; ++v)
                values[r][v] = _mm512_loadu_ps(x + r * width + g * kEightBitGroup + 16 * v);
#pragma GCC unroll 16
        for (int i = 0; i < Outputs; ++i) {
            const std::int8_t* codes = w + i * width + g * kEightBitGroup;
            _mm_prefetch(codes + kAhead, _MM_HINT_T0); // a group is one cache line
            __m512 weights[kVectors];
#pragma GCC unroll 16
            for (int v = 0; v < kVectors; ++v)
                weights[v] = _mm512_cvtepi32_ps(
                    _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + 16 * v))));
            const __m512 scale = _mm512_set1_ps(scales[i * job.groups + g]);
#pragma GCC unroll 16
            for (int r = 0; r < Rows; ++r) {
                __m512 sum = _mm512_mul_ps(weights[0], values[r][0]);
#pragma GCC unroll 16
                for (int v = 1; v < kVectors; ++v)
                    sum = _mm512_fmadd_ps(weights[v], values[r][v], sum);
                totals[i][r] = _mm512_fmadd_ps(sum, scale, totals[i][r]);
            }
        }
    }
#pragma GCC unroll 16
    for (int i = 0; i < Outputs; ++i)
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r)
            job.y[(row + r) * job.yStride + o + i] = _mm512_reduce_add_ps(totals[i][r]);
}

template <int Outputs>
ATTUNE_AVX512 __attribute__((always_inline)) inline void eightBitRows(const EightBitProduct& job, std::int64_t o) {
    std::int64_t row = 0;
    for (; row + 4 <= job.rows; row += 4)
        eightBitTile<Outputs, 4>(job, o, row);
    for (; row < job.rows; ++row)
        for (int i = 0; i < Outputs; ++i) // one after the other: a single stream from memory is the fastest
            eightBitTile<1, 1>(job, o + i, row);
}

ATTUNE_AVX512 void eightBitAvx512(const EightBitProduct& job, std::int64_t begin, std::int64_t end) {
    std::int64_t o = begin;
    for (; o + 4 <= end; o += 4)
        eightBitRows<4>(job, o);
    for (; o < end; ++o)
        eightBitRows<1>(job, o);
}

#endif

} // namespace

void product(const EightBitProduct& job, std::int64_t begin, std::int64_t end) {
#if defined(__x86_64__)
    static const bool kHas = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    if (kHas)
        return eightBitAvx512(job, begin, end);
#endif
    eightBitPlain(job, begin, end);
}

void toEightBit(const float* w, std::int64_t k, std::int8_t* codes, float* scales) {
    for (std::int64_t begin = 0; begin < k; begin += kEightBitGroup, codes += kEightBitGroup, ++scales) {
        const std::int64_t count = std::min(kEightBitGroup, k - begin);
        float largest = 0;
        for (std::int64_t i = 0; i < count; ++i)
            largest = std::max(largest, std::fabs(w[begin + i]));
        *scales = largest / 127.0f;
        const float inverse = largest > 0 ? 127.0f / largest : 0.0f;
        for (std::int64_t i = 0; i < count; ++i)
            codes[i] = static_cast<std::int8_t>(std::lrint(w[begin + i] * inverse));
        std::fill(codes + count, codes + kEightBitGroup, std::int8_t{0});
    }
}

} // namespace attune::decode
