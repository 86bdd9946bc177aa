// The parts of attention that are not products: rotation with the change of layout, softmax of causal rows and its
// gradient.
#include "core/nn/kernels/isa.h"

namespace attune::kernels {
namespace ATTUNE_ISA {
namespace {

// (a, b) -> (a cos - b sin, b cos + a sin) on the two halves of a head; with `back` the transpose (the angle negated).
template <class S, class T, class A>
void rotate(const S* x, T* y, const A* cosines, const A* sines, A scale, A direction, Int half) {
    ATTUNE_SIMD
    for (Int i = 0; i < half; ++i) {
        const A a = load(x + i), b = load(x + half + i), c = cosines[i] * scale, s = sines[i] * scale * direction;
        store(y + i, a * c - b * s);
        store(y + half + i, b * c + a * s);
    }
}

template <class S, class T, class A>
void copyScaled(const S* x, T* y, A scale, Int n) {
    ATTUNE_SIMD
    for (Int i = 0; i < n; ++i)
        store(y + i, load(x + i) * scale);
}

template <class T, class A = typename Arithmetic<T>::Type>
void splitHeads(const T* qkv, const A* cosines, const A* sines, const std::int32_t* tableRow, A scale, T* q, T* k, T* v,
                Int tokens, Int kvHeads, Int group, Int headDim, Int begin, Int end) {
    const Int half = headDim / 2, heads = kvHeads * group, width = (heads + 2 * kvHeads) * headDim;
    for (Int t = begin; t < end; ++t) {
        const T* row = qkv + t * width;
        const A* c = tableRow ? cosines + tableRow[t] * half : nullptr;
        const A* s = tableRow ? sines + tableRow[t] * half : nullptr;
        for (Int h = 0; h < heads; ++h) {
            T* to = q + ((h / group * tokens + t) * group + h % group) * headDim;
            if (tableRow)
                rotate(row + h * headDim, to, c, s, scale, A(1), half);
            else
                copyScaled(row + h * headDim, to, scale, headDim);
        }
        for (Int h = 0; h < kvHeads; ++h) {
            const T* key = row + (heads + h) * headDim;
            const T* value = row + (heads + kvHeads + h) * headDim;
            const Int to = (h * tokens + t) * headDim;
            if (tableRow)
                rotate(key, k + to, c, s, A(1), A(1), half);
            else
                copyScaled(key, k + to, A(1), headDim);
            copyScaled(value, v + to, A(1), headDim);
        }
    }
}

template <class T, class A = typename Arithmetic<T>::Type>
void mergeHeads(const T* dq, const A* dk, const A* dv, const A* cosines, const A* sines, const std::int32_t* tableRow,
                A scale, T* dqkv, Int tokens, Int kvHeads, Int group, Int headDim, Int begin, Int end) {
    const Int half = headDim / 2, heads = kvHeads * group, width = (heads + 2 * kvHeads) * headDim;
    for (Int t = begin; t < end; ++t) {
        T* row = dqkv + t * width;
        const A* c = tableRow ? cosines + tableRow[t] * half : nullptr;
        const A* s = tableRow ? sines + tableRow[t] * half : nullptr;
        for (Int h = 0; h < heads; ++h) {
            const T* from = dq + ((h / group * tokens + t) * group + h % group) * headDim;
            if (tableRow)
                rotate(from, row + h * headDim, c, s, scale, A(-1), half);
            else
                copyScaled(from, row + h * headDim, scale, headDim);
        }
        for (Int h = 0; h < kvHeads; ++h) {
            T* key = row + (heads + h) * headDim;
            T* value = row + (heads + kvHeads + h) * headDim;
            const Int from = (h * tokens + t) * headDim;
            if (tableRow)
                rotate(dk + from, key, c, s, A(1), A(-1), half);
            else
                copyScaled(dk + from, key, A(1), headDim);
            copyScaled(dv + from, value, A(1), headDim);
        }
    }
}

template <class T, class A = typename Arithmetic<T>::Type>
void zero(T* p, Int begin, Int end) {
    ATTUNE_SIMD
    for (Int i = begin; i < end; ++i)
        store(p + i, A(0));
}

template <class T, class A = typename Arithmetic<T>::Type>
A softmaxStretch(const A* s, T* p, Int valid, Int width, A* max, A* total) {
    A maximum = *max;
#pragma omp simd reduction(max : maximum)
    for (Int i = 0; i < valid; ++i)
        maximum = s[i] > maximum ? s[i] : maximum;
    A sum = 0;
#pragma omp simd reduction(+ : sum)
    for (Int i = 0; i < valid; ++i) {
        const A e = exponential(s[i] - maximum);
        store(p + i, e);
        sum += e;
    }
    zero(p, valid, width);
    const A correction = *total > 0 ? exponential(*max - maximum) : A(0);
    *max = maximum;
    *total = *total * correction + sum;
    return correction;
}

template <class T, class A = typename Arithmetic<T>::Type>
void softmaxRowBackward(const A* s, const A* dp, A lse, A delta, T* p, T* ds, Int valid, Int width) {
    ATTUNE_SIMD
    for (Int i = 0; i < valid; ++i) {
        const A probability = exponential(s[i] - lse);
        store(p + i, probability);
        store(ds + i, probability * (dp[i] - delta));
    }
    zero(p, valid, width);
    zero(ds, valid, width);
}

template <class T, class A = typename Arithmetic<T>::Type>
A dot(const T* a, const T* b, Int n) {
    A sum = 0;
#pragma omp simd reduction(+ : sum)
    for (Int i = 0; i < n; ++i)
        sum += load(a + i) * load(b + i);
    return sum;
}

template <class T>
void fill(KernelTable<T>& table) {
    table.splitHeads = splitHeads<T>;
    table.mergeHeads = mergeHeads<T>;
    table.softmaxStretch = softmaxStretch<T>;
    table.softmaxRowBackward = softmaxRowBackward<T>;
    table.dot = dot<T>;
}

} // namespace

void fillAttention(KernelTable<float>& f, KernelTable<double>& d, KernelTable<Bf16>& b) {
    fill(f), fill(d), fill(b);
}

} // namespace ATTUNE_ISA
} // namespace attune::kernels
