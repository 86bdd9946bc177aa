// Conversions, sums, dropout and the softmax of the vocabulary.
#include "core/nn/kernels/isa.h"

namespace attune::kernels {
namespace ATTUNE_ISA {
namespace {

template <class T, class A = typename Arithmetic<T>::Type>
A logSumExp(const T* z, Int n, A* facts) {
    A maximum = load(z);
#pragma omp simd reduction(max : maximum)
    for (Int i = 0; i < n; ++i)
        maximum = load(z + i) > maximum ? load(z + i) : maximum;
    if (facts) {
        A sum = 0, weighted = 0, total = 0, squares = 0;
#pragma omp simd reduction(+ : sum, weighted, total, squares)
        for (Int i = 0; i < n; ++i) {
            const A below = load(z + i) - maximum, e = exponential(below);
            sum += e, weighted += e * below, total += below, squares += e * e;
        }
        facts[0] = maximum;
        facts[1] = logarithm(sum) - weighted / sum;
        facts[2] = maximum + total / static_cast<A>(n);
        facts[3] = logarithm(squares) - A(2) * logarithm(sum);
        return maximum + logarithm(sum);
    }
    A sum = 0;
#pragma omp simd reduction(+ : sum)
    for (Int i = 0; i < n; ++i)
        sum += exponential(load(z + i) - maximum);
    return maximum + logarithm(sum);
}

template <class T, class A = typename Arithmetic<T>::Type>
void crossEntropyGradient(T* z, Int n, A lse, A weight, Int target, A cap) {
    const A tangent = cap > A(0) ? A(1) / cap : A(0);
    const A ratio = load(z + target) * tangent;
    const A atTarget = weight * (exponential(load(z + target) - lse) - A(1)) * (A(1) - ratio * ratio);
    if (cap > A(0)) {
        ATTUNE_SIMD
        for (Int i = 0; i < n; ++i) {
            const A t = load(z + i) * tangent;
            store(z + i, weight * exponential(load(z + i) - lse) * (A(1) - t * t));
        }
        store(z + target, atTarget);
        return;
    }
    ATTUNE_SIMD
    for (Int i = 0; i < n; ++i)
        store(z + i, weight * exponential(load(z + i) - lse));
    store(z + target, atTarget);
}

// tanh(x) = 1 - 2 / (1 + exp(2 x))
template <class T, class A = typename Arithmetic<T>::Type>
void softCap(T* x, A cap, Int n) {
    const A twice = A(2) / cap;
    ATTUNE_SIMD
    for (Int i = 0; i < n; ++i)
        store(x + i, cap - A(2) * cap / (A(1) + exponential(load(x + i) * twice)));
}

template <class T, class A = typename Arithmetic<T>::Type>
void softCapGradient(const A* y, T* dy, A cap, Int n) {
    const A inverse = A(1) / cap;
    ATTUNE_SIMD
    for (Int i = 0; i < n; ++i) {
        const A t = y[i] * inverse;
        store(dy + i, load(dy + i) * (A(1) - t * t));
    }
}

template <class T, class A = typename Arithmetic<T>::Type>
void narrow(const A* x, T* y, Int n) {
    ATTUNE_SIMD
    for (Int i = 0; i < n; ++i)
        store(y + i, x[i]);
}

template <class T, class A = typename Arithmetic<T>::Type>
void narrowScaled(const A* x, T* y, A scale, Int n) {
    ATTUNE_SIMD
    for (Int i = 0; i < n; ++i)
        store(y + i, scale * x[i]);
}

template <class T, class A = typename Arithmetic<T>::Type>
void scaledCopy(const T* x, Int xStride, T* y, Int yStride, A scale, Int rows, Int width) {
    for (Int r = 0; r < rows; ++r, x += xStride, y += yStride) {
        ATTUNE_SIMD
        for (Int c = 0; c < width; ++c)
            store(y + c, load(x + c) * scale);
    }
}

template <class T, class A = typename Arithmetic<T>::Type>
void widen(const T* x, A* y, Int n) {
    ATTUNE_SIMD
    for (Int i = 0; i < n; ++i)
        y[i] = load(x + i);
}

template <class T, class A = typename Arithmetic<T>::Type>
void addWiden(const T* x, A* y, Int n) {
    ATTUNE_SIMD
    for (Int i = 0; i < n; ++i)
        y[i] += load(x + i);
}

template <class A>
void scale(A* x, A factor, Int n) {
    ATTUNE_SIMD
    for (Int i = 0; i < n; ++i)
        x[i] *= factor;
}

template <class A>
void add(const A* x, A* y, Int n) {
    ATTUNE_SIMD
    for (Int i = 0; i < n; ++i)
        y[i] += x[i];
}

// Philox 4x32-10 as in core/base/rng.h, which this file cannot include (standard headers); the test compares both.
inline void philoxWords(std::uint64_t key, std::uint64_t stream, std::uint64_t counter, std::uint32_t words[4]) {
    std::uint32_t c0 = static_cast<std::uint32_t>(counter), c1 = static_cast<std::uint32_t>(counter >> 32);
    std::uint32_t c2 = static_cast<std::uint32_t>(stream), c3 = static_cast<std::uint32_t>(stream >> 32);
    std::uint32_t k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t p0 = std::uint64_t{0xD2511F53} * c0, p1 = std::uint64_t{0xCD9E8D57} * c2;
        c0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
        c1 = static_cast<std::uint32_t>(p1);
        c2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
        c3 = static_cast<std::uint32_t>(p0);
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    words[0] = c0, words[1] = c1, words[2] = c2, words[3] = c3;
}

template <class T, class A = typename Arithmetic<T>::Type>
void dropout(const T* x, Int xStride, T* y, Int yStride, bool accumulate, double p, std::uint64_t key,
             std::uint64_t stream, Int firstRow, Int rows, Int width) {
    const std::uint64_t threshold = static_cast<std::uint64_t>(p * 4294967296.0);
    const A scale = static_cast<A>(1.0 / (1.0 - p));
    constexpr Int kBlock = 256; // masks of a stretch at a time: four per counter, then a plain vector loop
    alignas(64) std::uint32_t words[kBlock + 8];
    for (Int r = 0; r < rows; ++r, x += xStride, y += yStride) {
        const std::uint64_t rowStart = static_cast<std::uint64_t>(firstRow + r) * static_cast<std::uint64_t>(width);
        for (Int begin = 0; begin < width; begin += kBlock) {
            const Int count = width - begin < kBlock ? width - begin : kBlock;
            const std::uint64_t first = rowStart + static_cast<std::uint64_t>(begin);
            const std::uint64_t firstBlock = first / 4;
            const Int blocks = static_cast<Int>((first + static_cast<std::uint64_t>(count) - 1) / 4 - firstBlock + 1);
            for (Int b = 0; b < blocks; ++b)
                philoxWords(key, stream, firstBlock + static_cast<std::uint64_t>(b), words + 4 * b);
            const std::uint32_t* mask = words + first % 4;
            const T* from = x + begin;
            T* to = y + begin;
            ATTUNE_SIMD
            for (Int i = 0; i < count; ++i) {
                const A kept = mask[i] >= threshold ? load(from + i) * scale : A(0);
                store(to + i, accumulate ? load(to + i) + kept : kept);
            }
        }
    }
}

template <class T>
void fill(KernelTable<T>& table) {
    table.logSumExp = logSumExp<T>;
    table.crossEntropyGradient = crossEntropyGradient<T>;
    table.softCap = softCap<T>;
    table.softCapGradient = softCapGradient<T>;
    table.narrow = narrow<T>;
    table.narrowScaled = narrowScaled<T>;
    table.scaledCopy = scaledCopy<T>;
    table.widen = widen<T>;
    table.addWiden = addWiden<T>;
    table.add = add<typename Arithmetic<T>::Type>;
    table.scale = scale<typename Arithmetic<T>::Type>;
    table.dropout = dropout<T>;
}

} // namespace

void fillElementwise(KernelTable<float>& f, KernelTable<double>& d, KernelTable<Bf16>& b) {
    fill(f), fill(d), fill(b);
}

} // namespace ATTUNE_ISA
} // namespace attune::kernels
