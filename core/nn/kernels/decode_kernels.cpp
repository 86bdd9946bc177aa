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
rowProduct(const Product<c10::BFloat16, float>& job, std::int64_t begin, std::int64_t end, std::int64_t row) {
    constexpr int kChains = 4; // as many for any Rows: a row's sums are then the same alone and in company
    constexpr std::int64_t kAhead = 3072; // weights asked for in advance, 6 KB
    const std::int64_t k = job.k, xStride = job.xStride;
    const c10::BFloat16* x = job.x + row * xStride;
    for (std::int64_t o = begin; o < end; ++o) {
        const c10::BFloat16* w = job.w + o * job.wStride;
        __m512 sums[kChains][Rows];
#pragma GCC unroll 16
        for (int c = 0; c < kChains; ++c)
#pragma GCC unroll 16
            for (int r = 0; r < Rows; ++r)
                sums[c][r] = _mm512_setzero_ps();
        std::int64_t i = 0;
        for (; i + 32 * kChains <= k; i += 32 * kChains) {
#pragma GCC unroll 16
            for (int c = 0; c < kChains; ++c) {
                _mm_prefetch(w + i + 32 * c + kAhead, _MM_HINT_T0);
                const __m512bh weights = (__m512bh)_mm512_loadu_si512(w + i + 32 * c);
#pragma GCC unroll 16
                for (int r = 0; r < Rows; ++r)
                    sums[c][r] = _mm512_dpbf16_ps(sums[c][r], weights,
                                                  (__m512bh)_mm512_loadu_si512(x + r * xStride + i + 32 * c));
            }
        }
        for (; i + 32 <= k; i += 32) {
            _mm_prefetch(w + i + kAhead, _MM_HINT_T0);
            const __m512bh weights = (__m512bh)_mm512_loadu_si512(w + i);
#pragma GCC unroll 16
            for (int r = 0; r < Rows; ++r)
                sums[0][r] = _mm512_dpbf16_ps(sums[0][r], weights, (__m512bh)_mm512_loadu_si512(x + r * xStride + i));
        }
        if (i < k) {
            const __mmask32 mask = (std::uint32_t{1} << (k - i)) - 1;
            const __m512bh weights = (__m512bh)_mm512_maskz_loadu_epi16(mask, w + i);
#pragma GCC unroll 16
            for (int r = 0; r < Rows; ++r)
                sums[0][r] = _mm512_dpbf16_ps(sums[0][r], weights,
                                              (__m512bh)_mm512_maskz_loadu_epi16(mask, x + r * xStride + i));
        }
        float* y = job.y + row * job.yStride + o;
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 16
            for (int c = 1; c < kChains; ++c)
                sums[0][r] = _mm512_add_ps(sums[0][r], sums[c][r]);
            const float sum = _mm512_reduce_add_ps(sums[0][r]);
            y[r * job.yStride] = job.accumulate ? y[r * job.yStride] + sum : sum;
        }
    }
}

template <int Rows>
__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16"))) void
someRows(const Product<c10::BFloat16, float>& job, std::int64_t begin, std::int64_t end, std::int64_t row) {
    rowProduct<Rows>(job, begin, end, row);
}

void productBf16Hardware(const Product<c10::BFloat16, float>& job, std::int64_t begin, std::int64_t end) {
    // More than four rows: a block of the matrix that stays in the cache is read again for each four.
    const std::int64_t block = job.rows <= 4 ? end - begin : 16;
    for (std::int64_t o = begin; o < end; o += block) {
        const std::int64_t last = std::min(end, o + block);
        std::int64_t row = 0;
        for (; row + 4 <= job.rows; row += 4)
            someRows<4>(job, o, last, row);
        switch (job.rows - row) {
        case 3:
            someRows<3>(job, o, last, row);
            break;
        case 2:
            someRows<2>(job, o, last, row);
            break;
        case 1:
            someRows<1>(job, o, last, row);
            break;
        default:
            break;
        }
    }
}

// The sums of 16 vectors, in their order: pairs are interleaved and added until one vector is left.
__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16"), always_inline)) inline __m512
sumsOf16(const __m512* v) {
    __m512 fours[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
        const __m512 *a = v + 4 * i;
        const __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(a[0], a[1]), _mm512_unpackhi_ps(a[0], a[1]));
        const __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(a[2], a[3]), _mm512_unpackhi_ps(a[2], a[3]));
        fours[i] = _mm512_add_ps(_mm512_shuffle_ps(ab, cd, 0x44), _mm512_shuffle_ps(ab, cd, 0xee)); // a b c d in each quarter
    }
    const __m512 low = _mm512_add_ps(_mm512_shuffle_f32x4(fours[0], fours[1], 0x88), _mm512_shuffle_f32x4(fours[0], fours[1], 0xdd));
    const __m512 high = _mm512_add_ps(_mm512_shuffle_f32x4(fours[2], fours[3], 0x88), _mm512_shuffle_f32x4(fours[2], fours[3], 0xdd));
    return _mm512_add_ps(_mm512_shuffle_f32x4(low, high, 0x88), _mm512_shuffle_f32x4(low, high, 0xdd));
}

// 16 keys at once. The last, smaller group repeats its last key: every key's sum is taken in the same order.
__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16"))) void
scoresBf16Hardware(const Product<c10::BFloat16, float>& job, std::int64_t begin, std::int64_t end) {
    constexpr std::int64_t kKeys = 16, kAhead = 32; // keys asked for in advance
    const std::int64_t k = job.k;
    for (std::int64_t o = begin; o < end; o += kKeys) {
        const std::int64_t count = std::min(kKeys, end - o);
        const c10::BFloat16* w[kKeys];
        for (std::int64_t i = 0; i < kKeys; ++i) {
            w[i] = job.w + (o + std::min(i, count - 1)) * job.wStride;
            for (std::int64_t c = 0; c < k; c += 32)
                _mm_prefetch(w[i] + kAhead * job.wStride + c, _MM_HINT_T0);
        }
        const auto mask = static_cast<__mmask16>((1u << count) - 1);
        for (std::int64_t r = 0; r < job.rows; ++r) {
            const c10::BFloat16* x = job.x + r * job.xStride;
            __m512 sums[kKeys];
#pragma GCC unroll 16
            for (int i = 0; i < kKeys; ++i)
                sums[i] = _mm512_setzero_ps();
            for (std::int64_t c = 0; c < k; c += 32) {
                const __mmask32 part = k - c >= 32 ? ~__mmask32{0} : (std::uint32_t{1} << (k - c)) - 1;
                const __m512bh value = (__m512bh)_mm512_maskz_loadu_epi16(part, x + c);
#pragma GCC unroll 16
                for (int i = 0; i < kKeys; ++i)
                    sums[i] = _mm512_dpbf16_ps(sums[i], value, (__m512bh)_mm512_maskz_loadu_epi16(part, w[i] + c));
            }
            _mm512_mask_storeu_ps(job.y + r * job.yStride + o, mask, sumsOf16(sums));
        }
    }
}

#endif

} // namespace

void scores(const Product<float, float>& job, std::int64_t begin, std::int64_t end) { productFloat(job, begin, end); }
void scores(const Product<double, double>& job, std::int64_t begin, std::int64_t end) { productDouble(job, begin, end); }
void scores(const Product<c10::BFloat16, float>& job, std::int64_t begin, std::int64_t end) {
#if defined(__x86_64__)
    if (lanesAreFaster())
        return scoresBf16Hardware(job, begin, end);
#endif
    productBf16(job, begin, end);
}

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
