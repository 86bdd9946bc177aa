// Softmax of causal rows and its gradient on tiles in the first-level cache, for attention_bf16. Internal to
// core/nn/kernels.
#pragma once

#include <cstdint>

#include <c10/util/BFloat16.h>

namespace attune::kernels::bf16 {

/// p[i] = exp(s[i] - max) over [0, valid), zeros up to `width`; max and total are brought up to date with it. Returns what
/// the sums of earlier stretches have to be multiplied by. At the first stretch *max is -infinity and *total 0.
float softmaxRow(const float* s, c10::BFloat16* p, std::int64_t valid, std::int64_t width, float* max, float* total);

/// A pair of query rows over `columns` <= 64 keys: p = exp(s - lse), ds = p * (dp - delta), both zero from `valid` on.
/// `pPairs`, `dsPairs`: [64][2], the two rows side by side; `ds`: each row by itself.
struct SoftmaxGradientPair {
    const float *s[2], *dp[2];
    float lse[2], delta[2];
    std::int64_t valid[2];
    c10::BFloat16 *pPairs, *dsPairs, *ds[2];
};
void softmaxGradient(const SoftmaxGradientPair& pair, std::int64_t columns);

} // namespace attune::kernels::bf16
