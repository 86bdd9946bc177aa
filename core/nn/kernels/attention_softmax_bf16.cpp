#include "core/nn/kernels/attention_softmax_bf16.h"

#if defined(__x86_64__)

#include "core/nn/kernels/bf16_cpu.h"

namespace attune::kernels::bf16 {

namespace {

constexpr float kLog2E = 1.44269504088896341f;

// 2^y to 7.5e-5 of its value (bf16 keeps 4e-3), zero in the other lanes: 2^floor(y) times the degree 3 polynomial for 2^f
// on [0, 1] whose largest relative error is least. Far below the range it is zero, NaN stays NaN.
ATTUNE_BF16_CPU __attribute__((always_inline)) inline __m512 powerOfTwo(__mmask16 lanes, __m512 y) {
    const __m512 f = _mm512_reduce_ps(y, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); // y - floor(y)
    __m512 p = _mm512_set1_ps(7.802452e-2f);
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.2606716e-1f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.9583354e-1f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.9992522e-1f));
    return _mm512_maskz_scalef_ps(lanes, p, y);
}

ATTUNE_BF16_CPU __attribute__((always_inline)) inline __mmask16 firstLanes(std::int64_t count) {
    return static_cast<__mmask16>(count >= 16 ? 0xffff : count <= 0 ? 0 : (1 << count) - 1);
}

ATTUNE_BF16_CPU __attribute__((always_inline)) inline void storeNarrow(c10::BFloat16* to, __m512 values) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), (__m256i)_mm512_cvtneps_pbh(values));
}

} // namespace

ATTUNE_BF16_CPU float softmaxRow(const float* s, c10::BFloat16* p, std::int64_t valid, std::int64_t width, float* max,
                                 float* total) {
    __m512 largest = _mm512_set1_ps(*max);
    for (std::int64_t i = 0; i < valid; i += 16)
        largest = _mm512_mask_max_ps(largest, firstLanes(valid - i), largest, _mm512_loadu_ps(s + i));
    const float maximum = _mm512_reduce_max_ps(largest);
    const __m512 log2E = _mm512_set1_ps(kLog2E), shift = _mm512_set1_ps(-maximum * kLog2E);
    __m512 sum = _mm512_setzero_ps();
    for (std::int64_t i = 0; i < width; i += 16) {
        const __m512 e = powerOfTwo(firstLanes(valid - i), _mm512_fmadd_ps(_mm512_loadu_ps(s + i), log2E, shift));
        sum = _mm512_add_ps(sum, e);
        storeNarrow(p + i, e);
    }
    const float correction =
        *total > 0 ? _mm512_cvtss_f32(powerOfTwo(1, _mm512_set1_ps((*max - maximum) * kLog2E))) : 0.0f;
    *max = maximum;
    *total = *total * correction + _mm512_reduce_add_ps(sum);
    return correction;
}

ATTUNE_BF16_CPU void softmaxGradient(const SoftmaxGradientPair& pair, std::int64_t columns) {
    // Of two joined rows: lane 2i is element i of the first, lane 2i + 1 of the second.
    alignas(64) static constexpr std::uint16_t kPairs[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                             8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    const __m512i order = _mm512_load_si512(kPairs);
    const __m512 log2E = _mm512_set1_ps(kLog2E);
    const __m512 shift[2] = {_mm512_set1_ps(-pair.lse[0] * kLog2E), _mm512_set1_ps(-pair.lse[1] * kLog2E)};
    const __m512 delta[2] = {_mm512_set1_ps(pair.delta[0]), _mm512_set1_ps(pair.delta[1])};
    for (std::int64_t i = 0; i < columns; i += 16) {
        __m512 p[2], ds[2];
#pragma GCC unroll 2
        for (int r = 0; r < 2; ++r) {
            const __mmask16 lanes = firstLanes(pair.valid[r] - i);
            p[r] = powerOfTwo(lanes, _mm512_fmadd_ps(_mm512_loadu_ps(pair.s[r] + i), log2E, shift[r]));
            ds[r] = _mm512_maskz_mul_ps(lanes, p[r], _mm512_sub_ps(_mm512_loadu_ps(pair.dp[r] + i), delta[r]));
        }
        const __m512i bothP = (__m512i)_mm512_cvtne2ps_pbh(p[1], p[0]);
        const __m512i bothDs = (__m512i)_mm512_cvtne2ps_pbh(ds[1], ds[0]);
        _mm512_storeu_si512(pair.pPairs + 2 * i, _mm512_permutexvar_epi16(order, bothP));
        _mm512_storeu_si512(pair.dsPairs + 2 * i, _mm512_permutexvar_epi16(order, bothDs));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(pair.ds[0] + i), _mm512_castsi512_si256(bothDs));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(pair.ds[1] + i), _mm512_extracti64x4_epi64(bothDs, 1));
    }
}

} // namespace attune::kernels::bf16

#endif
