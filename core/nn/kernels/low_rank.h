// The two products of an adapter's small matrix with many tokens. With 16 columns or 16 inner terms a library's product
// spends its time on everything but arithmetic; where the CPU multiplies bf16 these have loops of their own.
#pragma once

#include <ATen/core/Tensor.h>

namespace attune::kernels {

/// z [T, R] = x [T, K] a^T, a [R, K]; rows may have strides.
void lowRankDown(const at::Tensor& x, const at::Tensor& a, const at::Tensor& z);
/// dx [T, K] += z [T, R] a
void lowRankUpAdd(const at::Tensor& z, const at::Tensor& a, const at::Tensor& dx);

/// sum [R, N] += z^T y, or with `transposed` sum [N, R] += y^T z; z [T, R], y [T, N], sum in the arithmetic type and dense.
void lowRankGradient(const at::Tensor& z, const at::Tensor& y, const at::Tensor& sum, bool transposed);

} // namespace attune::kernels
