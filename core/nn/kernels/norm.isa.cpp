// RMSNorm and LayerNorm, forward and backward, and the column reductions of trained norms and biases.
#include "core/nn/kernels/isa.h"

namespace attune::kernels {
namespace ATTUNE_ISA {
namespace {

template <class T, class A = typename Arithmetic<T>::Type>
void rmsNorm(const A* x, const A* weight, A epsilon, T* y, Int yStride, A* rstd, Int rows, Int width) {
    for (Int r = 0; r < rows; ++r, x += width, y += yStride) {
        A sum = 0;
#pragma omp simd reduction(+ : sum)
        for (Int c = 0; c < width; ++c)
            sum += x[c] * x[c];
        const A scale = A(1) / squareRoot(sum / A(width) + epsilon);
        rstd[r] = scale;
        ATTUNE_SIMD
        for (Int c = 0; c < width; ++c)
            store(y + c, x[c] * scale * weight[c]);
    }
}

// dx = rstd * (dy w) - x * rstd^3 / width * sum(dy w x)
template <class T, class A = typename Arithmetic<T>::Type>
void rmsNormBackward(const T* dy, Int dyStride, const A* x, const A* weight, const A* rstd, A* dx, Int rows,
                     Int width) {
    for (Int r = 0; r < rows; ++r, x += width, dx += width, dy += dyStride) {
        A sum = 0;
#pragma omp simd reduction(+ : sum)
        for (Int c = 0; c < width; ++c)
            sum += load(dy + c) * weight[c] * x[c];
        const A scale = rstd[r];
        const A along = -sum * scale * scale * scale / A(width);
        ATTUNE_SIMD
        for (Int c = 0; c < width; ++c)
            dx[c] += load(dy + c) * weight[c] * scale + x[c] * along;
    }
}

template <class T, class A = typename Arithmetic<T>::Type>
void layerNorm(const A* x, const A* weight, const A* bias, A epsilon, T* y, Int yStride, A* mean, A* rstd, Int rows,
               Int width) {
    for (Int r = 0; r < rows; ++r, x += width, y += yStride) {
        A sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
        for (Int c = 0; c < width; ++c)
            sum += x[c];
        const A center = sum / A(width);
#pragma omp simd reduction(+ : squares)
        for (Int c = 0; c < width; ++c)
            squares += (x[c] - center) * (x[c] - center);
        const A scale = A(1) / squareRoot(squares / A(width) + epsilon);
        mean[r] = center;
        rstd[r] = scale;
        ATTUNE_SIMD
        for (Int c = 0; c < width; ++c)
            store(y + c, (x[c] - center) * scale * weight[c] + bias[c]);
    }
}

// With g = dy w and n = (x - mean) rstd: dx = rstd * (g - mean(g) - n * mean(g n))
template <class T, class A = typename Arithmetic<T>::Type>
void layerNormBackward(const T* dy, Int dyStride, const A* x, const A* weight, const A* mean, const A* rstd, A* dx,
                       Int rows, Int width) {
    for (Int r = 0; r < rows; ++r, x += width, dx += width, dy += dyStride) {
        const A center = mean[r], scale = rstd[r];
        A sum = 0, along = 0;
#pragma omp simd reduction(+ : sum, along)
        for (Int c = 0; c < width; ++c) {
            const A g = load(dy + c) * weight[c];
            sum += g;
            along += g * (x[c] - center) * scale;
        }
        sum /= A(width);
        along /= A(width);
        ATTUNE_SIMD
        for (Int c = 0; c < width; ++c)
            dx[c] += scale * (load(dy + c) * weight[c] - sum - (x[c] - center) * scale * along);
    }
}

template <class T, class A = typename Arithmetic<T>::Type>
void normWeightGradient(const T* dy, Int dyStride, const A* x, const A* mean, const A* rstd, A* dWeight, Int rows,
                        Int width, Int begin, Int end) {
    for (Int r = 0; r < rows; ++r, x += width, dy += dyStride) {
        const A center = mean ? mean[r] : A(0), scale = rstd[r];
        ATTUNE_SIMD
        for (Int c = begin; c < end; ++c)
            dWeight[c] += load(dy + c) * (x[c] - center) * scale;
    }
}

template <class T, class A = typename Arithmetic<T>::Type>
void columnSums(const T* x, Int xStride, A* sums, Int rows, Int begin, Int end) {
    for (Int r = 0; r < rows; ++r, x += xStride) {
        ATTUNE_SIMD
        for (Int c = begin; c < end; ++c)
            sums[c] += load(x + c);
    }
}

template <class T>
void fill(KernelTable<T>& table) {
    table.rmsNorm = rmsNorm<T>;
    table.rmsNormBackward = rmsNormBackward<T>;
    table.layerNorm = layerNorm<T>;
    table.layerNormBackward = layerNormBackward<T>;
    table.normWeightGradient = normWeightGradient<T>;
    table.columnSums = columnSums<T>;
}

} // namespace

void fillNorm(KernelTable<float>& f, KernelTable<double>& d, KernelTable<Bf16>& b) {
    fill(f), fill(d), fill(b);
}

} // namespace ATTUNE_ISA
} // namespace attune::kernels
