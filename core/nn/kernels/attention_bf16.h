// Attention on CPUs that multiply bf16 (AVX-512 BF16): the same blocks as the general path, with products of its own
// instead of a library's, so that scores never leave the first-level cache and no product is called for a triangle's
// empty half.
#pragma once

#include "core/nn/kernels/attention.h"

namespace attune::kernels::bf16 {

/// Whether this CPU and this layout are handled here: bf16, a head dimension that is a multiple of 16, neither
/// window nor soft cap.
bool canAttend(const AttentionLayout& layout, const at::Tensor& q);

/// As kernels::attentionForward and attentionBackward.
void attentionForward(const AttentionLayout& layout, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                      const at::Tensor& o, const at::Tensor& logSumExp, AttentionScratch& scratch);
void attentionBackward(const AttentionLayout& layout, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const at::Tensor& o, const at::Tensor& dO, const at::Tensor& logSumExp, const at::Tensor& dq,
                       const at::Tensor& dk, const at::Tensor& dv, AttentionScratch& scratch);

} // namespace attune::kernels::bf16
