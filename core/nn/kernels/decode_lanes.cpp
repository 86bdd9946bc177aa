// Products of 5 to 64 rows with a large bf16 matrix: the rows are the lanes of the vectors.
#include <bit>
#include <cstring>

#include "core/nn/kernels/decode_kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
// GCC 12 warns about the deliberately undefined operands inside its own intrinsics (its bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#define ATTUNE_BF16_CPU __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))
#endif

namespace attune::decode {

namespace {

std::int64_t laneGroups(std::int64_t rows) { return (rows + kLanes - 1) / kLanes; }

#if defined(__x86_64__)

// Outputs * Groups sums stay in registers over all of k; a pair of weights is broadcast to all lanes.
template <int Outputs, int Groups>
ATTUNE_BF16_CPU __attribute__((always_inline)) inline void
laneTile(const Product<c10::BFloat16, float>& job, std::int64_t o) {
    __m512 sums[Outputs][Groups];
    const c10::BFloat16* w[Outputs];
#pragma GCC unroll 16
    for (int i = 0; i < Outputs; ++i) {
        w[i] = job.w + (o + i) * job.wStride;
#pragma GCC unroll 16
        for (int g = 0; g < Groups; ++g)
            sums[i][g] = _mm512_setzero_ps();
    }
    const std::int64_t pairs = job.k / 2;
    constexpr std::int64_t kPair = 2 * kLanes * Groups; // elements of x for one pair
    for (std::int64_t p = 0; p < pairs; ++p) {
        __m512bh x[Groups];
#pragma GCC unroll 16
        for (int g = 0; g < Groups; ++g)
            x[g] = (__m512bh)_mm512_load_si512(job.x + p * kPair + g * 2 * kLanes);
#pragma GCC unroll 16
        for (int i = 0; i < Outputs; ++i) {
            std::int32_t both;
            std::memcpy(&both, w[i] + 2 * p, sizeof both);
            const __m512bh weight = (__m512bh)_mm512_set1_epi32(both);
#pragma GCC unroll 16
            for (int g = 0; g < Groups; ++g)
                sums[i][g] = _mm512_dpbf16_ps(sums[i][g], weight, x[g]);
        }
    }
    if (job.k % 2 != 0)
#pragma GCC unroll 16
        for (int i = 0; i < Outputs; ++i) {
            const __m512bh weight = (__m512bh)_mm512_set1_epi32(w[i][job.k - 1].x); // its partner is zero
#pragma GCC unroll 16
            for (int g = 0; g < Groups; ++g)
                sums[i][g] = _mm512_dpbf16_ps(
                    sums[i][g], weight, (__m512bh)_mm512_load_si512(job.x + pairs * kPair + g * 2 * kLanes));
        }
    alignas(64) float turned[Outputs][Groups * kLanes];
#pragma GCC unroll 16
    for (int i = 0; i < Outputs; ++i)
#pragma GCC unroll 16
        for (int g = 0; g < Groups; ++g)
            _mm512_store_ps(turned[i] + g * kLanes, sums[i][g]);
    for (std::int64_t r = 0; r < job.rows; ++r) {
        float* y = job.y + r * job.yStride + o;
#pragma GCC unroll 16
        for (int i = 0; i < Outputs; ++i)
            y[i] = job.accumulate ? y[i] + turned[i][r] : turned[i][r];
    }
}

template <int Groups>
ATTUNE_BF16_CPU void laneProduct(const Product<c10::BFloat16, float>& job, std::int64_t begin, std::int64_t end) {
    constexpr int kOutputs = Groups == 1 ? 16 : Groups == 2 ? 8 : Groups == 3 ? 6 : 5;
    std::int64_t o = begin;
    for (; o + kOutputs <= end; o += kOutputs)
        laneTile<kOutputs, Groups>(job, o);
    for (; o < end; ++o)
        laneTile<1, Groups>(job, o);
}

#endif

} // namespace

bool lanesAreFaster() {
#if defined(__x86_64__)
    static const bool kHas = __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
                             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
    return kHas;
#else
    return false;
#endif
}

void packLanes(const c10::BFloat16* x, std::int64_t xStride, std::int64_t rows, std::int64_t k, std::int64_t begin,
               std::int64_t end, c10::BFloat16* packed) {
    const std::int64_t lanes = laneGroups(rows) * kLanes;
    for (std::int64_t p = begin; p < end; ++p) {
        c10::BFloat16* to = packed + p * 2 * lanes;
        std::memset(static_cast<void*>(to), 0, static_cast<std::size_t>(2 * lanes) * sizeof(c10::BFloat16));
        for (std::int64_t r = 0; r < rows; ++r) {
            to[2 * r] = x[r * xStride + 2 * p];
            if (2 * p + 1 < k)
                to[2 * r + 1] = x[r * xStride + 2 * p + 1];
        }
    }
}

void productOfLanes([[maybe_unused]] const Product<c10::BFloat16, float>& job, [[maybe_unused]] std::int64_t begin,
                    [[maybe_unused]] std::int64_t end) {
#if defined(__x86_64__)
    switch (laneGroups(job.rows)) {
    case 1:
        return laneProduct<1>(job, begin, end);
    case 2:
        return laneProduct<2>(job, begin, end);
    case 3:
        return laneProduct<3>(job, begin, end);
    default:
        return laneProduct<4>(job, begin, end);
    }
#endif
}

} // namespace attune::decode
