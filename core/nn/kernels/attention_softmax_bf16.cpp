#include "core/nn/kernels/attention_softmax_bf16.h"

#if defined(__x86_64__)

#include "core/nn/kernels/bf16_cpu.h"

namespace attune::kernels::bf16 {

namespace {

// e^x to 3e-6 of its value (bf16 keeps 4e-3): 2^(n + f) with the degree 4 polynomial for 2^f on [-0.5, 0.5] whose largest
// relative error is least. NaN stays NaN.
ATTUNE_BF16_CPU __attribute__((always_inline)) inline __m512 exponentialOf(__m512 x) {
    const __m512 y = _mm512_mul_ps(_mm512_max_ps(_mm512_set1_ps(-104.0f), x), _mm512_set1_ps(1.44269504088896341f));
    const __m512 n = _mm512_roundscale_ps(y, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m512 f = _mm512_sub_ps(y, n);
    __m512 p = _mm512_set1_ps(9.570101433e-3f);
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.591786028e-2f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.402474484e-1f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.931218147e-1f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.999992614e-1f));
    return _mm512_scalef_ps(p, n);
}

ATTUNE_BF16_CPU __attribute__((always_inline)) inline __mmask16 firstLanes(std::int64_t count) {
    return static_cast<__mmask16>(count >= 16 ? 0xffff : count <= 0 ? 0 : (1 << count) - 1);
}

ATTUNE_BF16_CPU __attribute__((always_inline)) inline void storeNarrow(c10::BFloat16* to, __m512 values) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), (__m256i)_mm512_cvtneps_pbh(values));
}

// Lane i: (a[i], b[i])
ATTUNE_BF16_CPU __attribute__((always_inline)) inline void storePairs(c10::BFloat16* to, __m512 a, __m512 b) {
    const __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(a));
    const __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(b));
    _mm512_storeu_si512(to, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
}

} // namespace

ATTUNE_BF16_CPU float softmaxRow(const float* s, c10::BFloat16* p, std::int64_t valid, std::int64_t width, float* max,
                                 float* total) {
    __m512 largest = _mm512_set1_ps(*max);
    for (std::int64_t i = 0; i < valid; i += 16)
        largest = _mm512_mask_max_ps(largest, firstLanes(valid - i), largest, _mm512_loadu_ps(s + i));
    const float maximum = _mm512_reduce_max_ps(largest);
    const __m512 shift = _mm512_set1_ps(maximum);
    __m512 sum = _mm512_setzero_ps();
    for (std::int64_t i = 0; i < width; i += 16) {
        const __m512 e = _mm512_maskz_mov_ps(firstLanes(valid - i),
                                             exponentialOf(_mm512_sub_ps(_mm512_loadu_ps(s + i), shift)));
        sum = _mm512_add_ps(sum, e);
        storeNarrow(p + i, e);
    }
    const __m512 before = exponentialOf(_mm512_sub_ps(_mm512_set1_ps(*max), shift));
    const float correction = *total > 0 ? _mm512_cvtss_f32(before) : 0.0f;
    *max = maximum;
    *total = *total * correction + _mm512_reduce_add_ps(sum);
    return correction;
}

ATTUNE_BF16_CPU void softmaxGradient(const SoftmaxGradientPair& pair, std::int64_t columns) {
    for (std::int64_t i = 0; i < columns; i += 16) {
        __m512 p[2], ds[2];
#pragma GCC unroll 2
        for (int r = 0; r < 2; ++r) {
            const __mmask16 lanes = firstLanes(pair.valid[r] - i);
            p[r] = _mm512_maskz_mov_ps(
                lanes, exponentialOf(_mm512_sub_ps(_mm512_loadu_ps(pair.s[r] + i), _mm512_set1_ps(pair.lse[r]))));
            ds[r] = _mm512_maskz_mul_ps(lanes, p[r],
                                        _mm512_sub_ps(_mm512_loadu_ps(pair.dp[r] + i), _mm512_set1_ps(pair.delta[r])));
            storeNarrow(pair.ds[r] + i, ds[r]);
        }
        storePairs(pair.pPairs + 2 * i, p[0], p[1]);
        storePairs(pair.dsPairs + 2 * i, ds[0], ds[1]);
    }
}

} // namespace attune::kernels::bf16

#endif
