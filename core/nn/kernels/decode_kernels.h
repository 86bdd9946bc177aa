// Loops of the decoder over plain memory: products of a few rows with a large matrix (bound by memory, where library
// GEMMs are slow) and attention of one query over a cache. Chosen for the CPU at run time; sums in float (double for
// double).
#pragma once

#include <cstdint>

#include <c10/util/BFloat16.h>

namespace attune::decode {

/// y[r, o] = sum_k w[o, k] x[r, k] for o in [begin, end). Strides in elements; rows of w and x are contiguous.
template <class T, class Acc>
struct Product {
    const T* w = nullptr;
    std::int64_t wStride = 0, k = 0;
    const T* x = nullptr;
    std::int64_t xStride = 0, rows = 0;
    Acc* y = nullptr;
    std::int64_t yStride = 0;
};
void product(const Product<float, float>& job, std::int64_t begin, std::int64_t end);
void product(const Product<double, double>& job, std::int64_t begin, std::int64_t end);
void product(const Product<c10::BFloat16, float>& job, std::int64_t begin, std::int64_t end);

/// out[d] = sum_t softmax_t(scale * q . keys[t]) values[t], t in [0, length); keys and values are [length, headDim]
/// contiguous. scores: scratch of `length` numbers.
template <class T, class Acc>
struct Attention {
    const Acc* q = nullptr;
    const T *keys = nullptr, *values = nullptr;
    std::int64_t length = 0, headDim = 0;
    Acc scale = 1;
    Acc *scores = nullptr, *out = nullptr;
};
void attend(const Attention<float, float>& job);
void attend(const Attention<double, double>& job);
void attend(const Attention<c10::BFloat16, float>& job);

} // namespace attune::decode
