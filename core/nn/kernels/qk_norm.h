// RMSNorm of queries or keys between their product and the rotation: of each head by itself or of the whole projection.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace attune::kernels {

/// The columns [begin, begin + segments * width) of the products of all tokens: `segments` pieces of `width` numbers,
/// each normalised by itself with the same weight.
struct QkNormColumns {
    std::int64_t begin = 0, segments = 0, width = 0;
};

/// products [T, columns] T are normalised in place; raw [T, segments * width] T keeps what they were, rstd [T, segments]
/// A. weight [width] A.
void qkNormForward(const QkNormColumns& columns, const at::Tensor& weight, double epsilon, const at::Tensor& products,
                   const at::Tensor& raw, const at::Tensor& rstd);
/// gradient [T, columns] T: of the normalised numbers on entry, of the products on return. Accumulates dWeight (A; undefined:
/// skipped).
void qkNormBackward(const QkNormColumns& columns, const at::Tensor& weight, const at::Tensor& raw, const at::Tensor& rstd,
                    const at::Tensor& gradient, const at::Tensor& dWeight);

namespace reference {
void qkNormForward(const QkNormColumns& columns, const at::Tensor& weight, double epsilon, const at::Tensor& products,
                   const at::Tensor& raw, const at::Tensor& rstd);
void qkNormBackward(const QkNormColumns& columns, const at::Tensor& weight, const at::Tensor& raw, const at::Tensor& rstd,
                    const at::Tensor& gradient, const at::Tensor& dWeight);
} // namespace reference

} // namespace attune::kernels
