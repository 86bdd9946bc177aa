// Attention of one new token over a cache, the heads of a group together so that keys and values are read once.
#include "core/nn/kernels/isa.h"

namespace attune::kernels {
namespace ATTUNE_ISA {
namespace {

template <class T, class A = typename Arithmetic<T>::Type>
A scoreOf(const A* q, const T* key, Int headDim) {
    A sum = 0;
#pragma omp simd reduction(+ : sum)
    for (Int i = 0; i < headDim; ++i)
        sum += q[i] * load(key + i);
    return sum;
}

template <class A>
A softmaxWeights(A* scores, Int n) { // scores -> exp(scores - largest); returns their sum
    A largest = scores[0];
#pragma omp simd reduction(max : largest)
    for (Int i = 0; i < n; ++i)
        largest = scores[i] > largest ? scores[i] : largest;
    A sum = 0;
#pragma omp simd reduction(+ : sum)
    for (Int i = 0; i < n; ++i) {
        scores[i] = exponential(scores[i] - largest);
        sum += scores[i];
    }
    return sum;
}

template <int Width, class T, class A = typename Arithmetic<T>::Type>
void addWeighted(const A* weights, const T* values, Int stride, Int length, A scale, A* out) {
    A sums[Width] = {}; // in registers for the whole cache
    for (Int t = 0; t < length; ++t) {
        const A weight = weights[t];
        const T* value = values + t * stride;
        ATTUNE_SIMD
        for (int i = 0; i < Width; ++i)
            sums[i] += weight * load(value + i);
    }
    for (int i = 0; i < Width; ++i)
        out[i] = sums[i] * scale;
}

template <class T, class A = typename Arithmetic<T>::Type>
void attendCache(const A* q, const T* keys, const T* values, Int length, Int group, Int headDim, A scale, A* scores,
                 A* out) {
    for (Int t = 0; t < length; ++t)
        for (Int g = 0; g < group; ++g)
            scores[g * length + t] = scale * scoreOf(q + g * headDim, keys + t * headDim, headDim);
    for (Int g = 0; g < group; ++g) {
        A* weights = scores + g * length;
        const A inverse = A(1) / softmaxWeights(weights, length);
        Int column = 0;
        for (; column + 64 <= headDim; column += 64)
            addWeighted<64>(weights, values + column, headDim, length, inverse, out + g * headDim + column);
        for (; column + 8 <= headDim; column += 8)
            addWeighted<8>(weights, values + column, headDim, length, inverse, out + g * headDim + column);
        for (; column < headDim; ++column)
            addWeighted<1>(weights, values + column, headDim, length, inverse, out + g * headDim + column);
    }
}

template <class T>
void fill(KernelTable<T>& table) {
    table.attendCache = attendCache<T>;
}

} // namespace

void fillDecodeAttention(KernelTable<float>& f, KernelTable<double>& d, KernelTable<Bf16>& b) {
    fill(f), fill(d), fill(b);
}

} // namespace ATTUNE_ISA
} // namespace attune::kernels
