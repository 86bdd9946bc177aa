#include "core/nn/kernels/decode_kernels.h"

#include <algorithm>
#include <bit>

#include "core/nn/kernels/clones.h"

#if defined(__x86_64__)
#include <immintrin.h>
// GCC 12 warns about the deliberately undefined operands inside its own intrinsics (its bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

namespace attune::decode {

namespace {

inline float widen(float value) {
    return value;
}
inline double widen(double value) {
    return value;
}
inline float widen(c10::BFloat16 value) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(value.x) << 16);
}

constexpr std::int64_t kOutputs = 4; // rows of the matrix in flight: enough streams to keep memory busy

template <class T, class Acc>
inline __attribute__((always_inline)) void productBody(const Product<T, Acc>& job, std::int64_t begin,
                                                       std::int64_t end) {
    for (std::int64_t o = begin; o < end; o += kOutputs) {
        const std::int64_t count = std::min(kOutputs, end - o);
        // The last, smaller group repeats its last row instead of branching in the inner loop.
        const T* w0 = job.w + o * job.wStride;
        const T* w1 = job.w + (o + std::min<std::int64_t>(1, count - 1)) * job.wStride;
        const T* w2 = job.w + (o + std::min<std::int64_t>(2, count - 1)) * job.wStride;
        const T* w3 = job.w + (o + count - 1) * job.wStride;
        for (std::int64_t r = 0; r < job.rows; ++r) {
            const T* x = job.x + r * job.xStride;
            Acc s0 = 0, s1 = 0, s2 = 0, s3 = 0;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
            for (std::int64_t i = 0; i < job.k; ++i) {
                const Acc value = widen(x[i]);
                s0 += widen(w0[i]) * value;
                s1 += widen(w1[i]) * value;
                s2 += widen(w2[i]) * value;
                s3 += widen(w3[i]) * value;
            }
            const Acc sums[kOutputs] = {s0, s1, s2, s3};
            Acc* y = job.y + r * job.yStride + o;
            for (std::int64_t i = 0; i < count; ++i) {
                const Acc sum = sums[i == count - 1 ? kOutputs - 1 : i];
                y[i] = job.accumulate ? y[i] + sum : sum;
            }
        }
    }
}

ATTUNE_CLONES void productFloat(const Product<float, float>& job, std::int64_t begin, std::int64_t end) {
    productBody(job, begin, end);
}
ATTUNE_CLONES void productDouble(const Product<double, double>& job, std::int64_t begin, std::int64_t end) {
    productBody(job, begin, end);
}
ATTUNE_CLONES void productBf16(const Product<c10::BFloat16, float>& job, std::int64_t begin, std::int64_t end) {
    productBody(job, begin, end);
}
#if defined(__x86_64__)
// bf16 pairs multiplied in hardware (avx512_bf16): one row of the matrix after the other, so that memory is one stream,
// times up to four rows of x. Several sums for each keep the multipliers busy.
template <int Rows>
__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16"), always_inline)) inline void
dotRow(const c10::BFloat16* w, const c10::BFloat16* x, std::int64_t xStride, std::int64_t k, __m512 sums[Rows]) {
    constexpr int kChains = Rows == 1 ? 4 : 2;
    constexpr std::int64_t kAhead = 3072; // weights asked for in advance, 6 KB
    __m512 chains[kChains][Rows];
#pragma GCC unroll 16
    for (int c = 0; c < kChains; ++c)
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r)
            chains[c][r] = _mm512_setzero_ps();
    std::int64_t i = 0;
    for (; i + 32 * kChains <= k; i += 32 * kChains) {
#pragma GCC unroll 16
        for (int c = 0; c < kChains; ++c) {
            _mm_prefetch(w + i + 32 * c + kAhead, _MM_HINT_T0);
            const __m512bh weights = (__m512bh)_mm512_loadu_si512(w + i + 32 * c);
#pragma GCC unroll 16
            for (int r = 0; r < Rows; ++r)
                chains[c][r] = _mm512_dpbf16_ps(chains[c][r], weights,
                                                (__m512bh)_mm512_loadu_si512(x + r * xStride + i + 32 * c));
        }
    }
    for (; i + 32 <= k; i += 32) {
        const __m512bh weights = (__m512bh)_mm512_loadu_si512(w + i);
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r)
            chains[0][r] =
                _mm512_dpbf16_ps(chains[0][r], weights, (__m512bh)_mm512_loadu_si512(x + r * xStride + i));
    }
    if (i < k) {
        const __mmask32 mask = (std::uint32_t{1} << (k - i)) - 1;
        const __m512bh weights = (__m512bh)_mm512_maskz_loadu_epi16(mask, w + i);
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r)
            chains[0][r] = _mm512_dpbf16_ps(chains[0][r], weights,
                                            (__m512bh)_mm512_maskz_loadu_epi16(mask, x + r * xStride + i));
    }
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
        sums[r] = chains[0][r];
#pragma GCC unroll 16
        for (int c = 1; c < kChains; ++c)
            sums[r] = _mm512_add_ps(sums[r], chains[c][r]);
    }
}

template <int Rows>
__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16"), always_inline)) inline void
productTile(const Product<c10::BFloat16, float>& job, const c10::BFloat16* const* w, std::int64_t firstOutput, std::int64_t count,
            std::int64_t row) {
    __m512 sums[kOutputs][Rows];
#pragma GCC unroll 16
    for (int o = 0; o < kOutputs; ++o)
        dotRow<Rows>(w[o], job.x + row * job.xStride, job.xStride, job.k, sums[o]);
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r) {
        // Four horizontal sums at once: halves, then a 4 x 4 transposition by unpacking.
        const auto half = [](__m512 v) __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16"))) {
            const __m256 folded = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
            return _mm_add_ps(_mm256_castps256_ps128(folded), _mm256_extractf128_ps(folded, 1));
        };
        const __m128 a = half(sums[0][r]), b = half(sums[1][r]), c = half(sums[2][r]), d = half(sums[3][r]);
        const __m128 ab = _mm_add_ps(_mm_unpacklo_ps(a, b), _mm_unpackhi_ps(a, b)); // a0+a2 b0+b2 a1+a3 b1+b3
        const __m128 cd = _mm_add_ps(_mm_unpacklo_ps(c, d), _mm_unpackhi_ps(c, d));
        const __m128 all = _mm_add_ps(_mm_movelh_ps(ab, cd), _mm_movehl_ps(cd, ab));
        float* y = job.y + (row + r) * job.yStride + firstOutput;
        const auto mask = static_cast<__mmask8>((1 << count) - 1);
        _mm_mask_storeu_ps(y, mask, job.accumulate ? _mm_add_ps(all, _mm_maskz_loadu_ps(mask, y)) : all);
    }
}

__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16"))) void
productBf16Hardware(const Product<c10::BFloat16, float>& job, std::int64_t begin, std::int64_t end) {
    for (std::int64_t o = begin; o < end; o += kOutputs) {
        const std::int64_t count = std::min(kOutputs, end - o);
        const c10::BFloat16* w[kOutputs];
        for (std::int64_t i = 0; i < kOutputs; ++i)
            w[i] = job.w + (o + std::min(i, count - 1)) * job.wStride;
        std::int64_t row = 0;
        for (; row + 4 <= job.rows; row += 4)
            productTile<4>(job, w, o, count, row);
        switch (job.rows - row) {
        case 3:
            productTile<3>(job, w, o, count, row);
            break;
        case 2:
            productTile<2>(job, w, o, count, row);
            break;
        case 1:
            productTile<1>(job, w, o, count, row);
            break;
        default:
            break;
        }
    }
}

#endif

} // namespace

void product(const Product<float, float>& job, std::int64_t begin, std::int64_t end) {
    productFloat(job, begin, end);
}
void product(const Product<double, double>& job, std::int64_t begin, std::int64_t end) {
    productDouble(job, begin, end);
}
void product(const Product<c10::BFloat16, float>& job, std::int64_t begin, std::int64_t end) {
#if defined(__x86_64__)
    if (lanesAreFaster())
        return productBf16Hardware(job, begin, end);
#endif
    productBf16(job, begin, end);
}

} // namespace attune::decode
