// Memory that the parts of a decoding step work in: it grows and is used again. Internal to the decoder.
#pragma once

#include <cstdint>
#include <type_traits>

#include <ATen/ATen.h>

#include "core/nn/kernels/kernel_table.h"

namespace attune {

/// As the loops of kernel_table.h name the type T that weights and caches are stored in.
template <class T>
using StoredElement = std::conditional_t<std::is_same_v<T, c10::BFloat16>, kernels::Bf16, T>;

inline std::int64_t wholeUnits(std::int64_t n, std::int64_t unit) { return (n + unit - 1) / unit * unit; }

inline void reserveElements(at::Tensor& tensor, std::int64_t elements, at::ScalarType type) {
    if (!tensor.defined() || tensor.numel() < elements)
        tensor = at::empty({elements}, at::TensorOptions().dtype(type));
}

template <class T>
T* pointerTo(const at::Tensor& tensor) {
    return static_cast<T*>(tensor.data_ptr());
}

} // namespace attune
