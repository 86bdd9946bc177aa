// Columns times a factor each, on tensors: the loops of column_scale.isa.cpp over threads, ATen on other devices.
#pragma once

#include <ATen/core/Tensor.h>

namespace attune::kernels {

/// y [T, N] = x * scale [N] (+ bias [N], x's type) (+ addend [T, N], scale's type). y has the type of x or of scale; rows
/// may have strides; x and y may be the same.
void scaleColumns(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& y, const at::Tensor& bias = {},
                  const at::Tensor& addend = {});

/// sums [N] += sum over rows of x [T, N] * y [T, N]; every column from the first row to the last.
void addColumnDots(const at::Tensor& x, const at::Tensor& y, const at::Tensor& sums);

} // namespace attune::kernels
