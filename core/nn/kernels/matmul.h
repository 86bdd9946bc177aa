// Matrix products with any strides and mixed precision: oneDNN on a CPU (bf16, f32), ATen elsewhere. Primitives are
// cached per thread, so that training calls with a few fixed shapes cost nothing but the product.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace attune::kernels {

/// A matrix in memory; one of the strides must be 1. Not an owner.
struct MatrixRef {
    void* data = nullptr;
    std::int64_t rows = 0, columns = 0;
    std::int64_t rowStride = 0, columnStride = 1;
    at::ScalarType type = at::kFloat;

    MatrixRef transposed() const { return {data, columns, rows, columnStride, rowStride, type}; }
};

/// c [M, N] = a [M, K] b [K, N] (+ c with accumulate). CPU only. a and b share a type; c has it or is f32.
/// Inside a parallel region the product runs on the calling thread.
void multiply(const MatrixRef& c, const MatrixRef& a, const MatrixRef& b, bool accumulate = false);

/// c = addend + a b (+ bias), in one pass over c; addend [M, N] of c's type.
void multiplyAdd(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b, const at::Tensor& addend,
                 const at::Tensor& bias = {});

/// The same as the first on tensors of any device, with an optional bias [N] (of a's type) added to each row.
void multiply(const at::Tensor& c, const at::Tensor& a, const at::Tensor& b, bool accumulate = false,
              const at::Tensor& bias = {});

} // namespace attune::kernels
