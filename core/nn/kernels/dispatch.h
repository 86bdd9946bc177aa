// From a tensor's type to the table of loops, and rows to threads. Internal to core/nn/kernels and the passes.
#pragma once

#include <algorithm>
#include <cstdint>

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include "core/nn/kernels/kernel_table.h"

namespace attune::kernels {

inline InstructionSet activeInstructionSet() {
    static const InstructionSet set = bestInstructionSet();
    return set;
}

template <class T>
T* dataOf(const at::Tensor& tensor) {
    return static_cast<T*>(tensor.data_ptr());
}

/// Calls f(T{}) with the storage type of `type`: float, double or Bf16.
template <class F>
void withStorage(at::ScalarType type, F&& f) {
    if (type == at::kBFloat16)
        f(Bf16{});
    else if (type == at::kDouble)
        f(double{});
    else
        f(float{});
}

/// Splits `rows` of about `width` elements over threads; small work stays on this one.
template <class F>
void forRows(std::int64_t rows, std::int64_t width, F&& f) {
    constexpr std::int64_t kElementsPerThread = 16384;
    at::parallel_for(0, rows, std::max<std::int64_t>(1, kElementsPerThread / std::max<std::int64_t>(1, width)), f);
}

/// Splits columns over threads in whole cache lines: every column is summed by one thread from the first row to the
/// last.
template <class F>
void forColumns(std::int64_t rows, std::int64_t columns, F&& f) {
    constexpr std::int64_t kGroup = 64;
    const std::int64_t groups = (columns + kGroup - 1) / kGroup;
    forRows(groups, rows * kGroup,
            [&](std::int64_t begin, std::int64_t end) { f(begin * kGroup, std::min(columns, end * kGroup)); });
}

} // namespace attune::kernels
