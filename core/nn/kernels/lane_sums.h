// The inner loop of products in which one side's rows are the lanes of vectors: used where the CPU multiplies bf16.
// Internal to core/nn/kernels.
#pragma once

#if defined(__x86_64__)

#include <cstdint>
#include <cstring>

#include <c10/util/BFloat16.h>

#include "core/nn/kernels/bf16_cpu.h"

namespace attune::decode {

/// sums[i][g] (lanes 16 g to 16 g + 15) = sum_k w[i * wStride + k] * x[k, lane]; x packed by packLanes for Groups * 16
/// lanes. All sums stay in registers over all of k; a pair of weights is broadcast to the lanes.
template <int Outputs, int Groups>
ATTUNE_BF16_CPU __attribute__((always_inline)) inline void laneSums(const c10::BFloat16* w, std::int64_t wStride,
                                                                    std::int64_t k, const c10::BFloat16* x,
                                                                    __m512 sums[Outputs][Groups]) {
    constexpr std::int64_t kPair = 2 * 16 * Groups; // elements of x for one pair
#pragma GCC unroll 16
    for (int i = 0; i < Outputs; ++i)
#pragma GCC unroll 16
        for (int g = 0; g < Groups; ++g)
            sums[i][g] = _mm512_setzero_ps();
    const std::int64_t pairs = k / 2;
    for (std::int64_t p = 0; p < pairs; ++p) {
        // So many rows at once are more streams than the processor foresees: the next rows are asked for here.
        if (p % 16 == 0)
#pragma GCC unroll 16
            for (int i = 0; i < Outputs; ++i)
                _mm_prefetch(w + (i + Outputs) * wStride + 2 * p, _MM_HINT_T0);
        __m512bh values[Groups];
#pragma GCC unroll 16
        for (int g = 0; g < Groups; ++g)
            values[g] = (__m512bh)_mm512_load_si512(x + p * kPair + g * 32);
#pragma GCC unroll 16
        for (int i = 0; i < Outputs; ++i) {
            std::int32_t both;
            std::memcpy(&both, w + i * wStride + 2 * p, sizeof both);
            const __m512bh weight = (__m512bh)_mm512_set1_epi32(both);
#pragma GCC unroll 16
            for (int g = 0; g < Groups; ++g)
                sums[i][g] = _mm512_dpbf16_ps(sums[i][g], weight, values[g]);
        }
    }
    if (k % 2 != 0)
#pragma GCC unroll 16
        for (int i = 0; i < Outputs; ++i) {
            const __m512bh weight = (__m512bh)_mm512_set1_epi32(w[i * wStride + k - 1].x); // its partner is zero
#pragma GCC unroll 16
            for (int g = 0; g < Groups; ++g)
                sums[i][g] = _mm512_dpbf16_ps(sums[i][g], weight,
                                              (__m512bh)_mm512_load_si512(x + pairs * kPair + g * 32));
        }
}

/// How many outputs to sum at once so that the sums fill the registers.
template <int Groups>
constexpr int kLaneOutputs = Groups == 1 ? 16 : Groups == 2 ? 8 : Groups == 3 ? 6 : 5;

} // namespace attune::decode

#endif
