// The second half of attention over a cache: softmax of the scores and the weighted sum of the values, the heads of a
// group together so that the values are read once.
#include "core/nn/kernels/isa.h"

namespace attune::kernels {
namespace ATTUNE_ISA {
namespace {

constexpr int kVectorBytes = 64;
// Narrower CPUs take a vector in pieces.
template <class A>
struct VectorOf;
template <>
struct VectorOf<float> {
    typedef float Type __attribute__((vector_size(kVectorBytes)));
};
template <>
struct VectorOf<double> {
    typedef double Type __attribute__((vector_size(kVectorBytes)));
};
template <class A>
using Vector = typename VectorOf<A>::Type;

template <class T, class A = typename Arithmetic<T>::Type>
inline void loadVector(const T* p, Vector<A>& v) {
    if constexpr (sizeof(T) == sizeof(A)) {
        __builtin_memcpy(&v, p, sizeof v);
    } else { // bf16: the upper half of a float
        typedef std::uint32_t Bits __attribute__((vector_size(kVectorBytes)));
        typedef std::uint16_t Halves __attribute__((vector_size(kVectorBytes / 2)));
        Halves halves;
        __builtin_memcpy(&halves, p, sizeof halves);
        const Bits bits = __builtin_convertvector(halves, Bits) << 16;
        __builtin_memcpy(&v, &bits, sizeof v);
    }
}

template <class A>
A softmaxWeights(A* scores, Int n, A& most) { // scores -> exp(scores - largest); returns their sum
    A largest = scores[0];
#pragma omp simd reduction(max : largest)
    for (Int i = 0; i < n; ++i)
        largest = scores[i] > largest ? scores[i] : largest;
    most = largest;
    A sum = 0;
#pragma omp simd reduction(+ : sum)
    for (Int i = 0; i < n; ++i) {
        scores[i] = exponential(scores[i] - largest);
        sum += scores[i];
    }
    return sum;
}

// out[g, 0 .. Vectors) = sum_t weights[g, t] values[t]; all sums stay in registers for the whole cache.
template <int Group, int Vectors, class T, class A = typename Arithmetic<T>::Type>
void addWeighted(const A* weights, Int weightStride, const T* values, Int stride, Int length, const A* scales, A* out,
                 Int outStride) {
    constexpr Int kLanes = kVectorBytes / static_cast<Int>(sizeof(A)), kAhead = 16;
    Vector<A> sums[Group][Vectors] = {};
    for (Int t = 0; t < length; ++t) {
        Vector<A> value[Vectors];
        __builtin_prefetch(values + (t + kAhead) * stride); // long caches lie in memory
#pragma GCC unroll 8
        for (int v = 0; v < Vectors; ++v)
            loadVector(values + t * stride + v * kLanes, value[v]);
#pragma GCC unroll 8
        for (int g = 0; g < Group; ++g) {
            const A weight = weights[g * weightStride + t];
#pragma GCC unroll 8
            for (int v = 0; v < Vectors; ++v)
                sums[g][v] += value[v] * weight;
        }
    }
#pragma GCC unroll 8
    for (int g = 0; g < Group; ++g)
#pragma GCC unroll 8
        for (int v = 0; v < Vectors; ++v) {
            const Vector<A> scaled = sums[g][v] * scales[g];
            __builtin_memcpy(out + g * outStride + v * kLanes, &scaled, sizeof scaled);
        }
}

template <int Group, class T, class A = typename Arithmetic<T>::Type>
void groupOf(const A* weights, Int weightStride, const T* values, Int headDim, Int length, const A* scales, A* out) {
    constexpr Int kLanes = kVectorBytes / static_cast<Int>(sizeof(A));
    Int column = 0;
    for (; column + 4 * kLanes <= headDim; column += 4 * kLanes)
        addWeighted<Group, 4>(weights, weightStride, values + column, headDim, length, scales, out + column, headDim);
    for (; column + kLanes <= headDim; column += kLanes)
        addWeighted<Group, 1>(weights, weightStride, values + column, headDim, length, scales, out + column, headDim);
    for (; column < headDim; ++column)
        for (int g = 0; g < Group; ++g) {
            A sum = 0;
            for (Int t = 0; t < length; ++t)
                sum += weights[g * weightStride + t] * load(values + t * headDim + column);
            out[g * headDim + column] = sum * scales[g];
        }
}

template <class T, class A = typename Arithmetic<T>::Type>
void attendScored(A* scores, Int scoreStride, const T* values, Int length, Int group, Int headDim, A* out,
                  A* logarithms) {
    constexpr Int kMost = 4;
    A scales[kMost];
    for (Int g = 0; g < group; g += kMost) {
        const Int count = group - g < kMost ? group - g : kMost;
        A* weights = scores + g * scoreStride;
        for (Int i = 0; i < count; ++i) {
            A largest;
            const A sum = softmaxWeights(weights + i * scoreStride, length, largest);
            scales[i] = A(1) / sum;
            logarithms[g + i] = largest + logarithm(sum);
        }
        A* to = out + g * headDim;
        if (count == 4)
            groupOf<4>(weights, scoreStride, values, headDim, length, scales, to);
        else if (count == 3)
            groupOf<3>(weights, scoreStride, values, headDim, length, scales, to);
        else if (count == 2)
            groupOf<2>(weights, scoreStride, values, headDim, length, scales, to);
        else
            groupOf<1>(weights, scoreStride, values, headDim, length, scales, to);
    }
}

template <class T>
void fill(KernelTable<T>& table) {
    table.attendScored = attendScored<T>;
}

} // namespace

void fillDecodeAttention(KernelTable<float>& f, KernelTable<double>& d, KernelTable<Bf16>& b) {
    fill(f), fill(d), fill(b);
}

} // namespace ATTUNE_ISA
} // namespace attune::kernels
