// Columns times a factor each, and the sums that the factors' gradients are: what weight-decomposed adapters (DoRA) add to
// a linear layer.
#include "core/nn/kernels/isa.h"

namespace attune::kernels {
namespace ATTUNE_ISA {
namespace {

template <class T, class Y, class A = typename Arithmetic<T>::Type>
void scaleColumns(const T* x, Int xStride, const A* scale, const T* bias, const A* addend, Int addendStride, Y* y,
                  Int yStride, Int rows, Int width) {
    for (Int r = 0; r < rows; ++r, x += xStride, y += yStride) {
        if (bias && addend) {
            ATTUNE_SIMD
            for (Int c = 0; c < width; ++c)
                store(y + c, load(x + c) * scale[c] + load(bias + c) + addend[c]);
        } else if (bias) {
            ATTUNE_SIMD
            for (Int c = 0; c < width; ++c)
                store(y + c, load(x + c) * scale[c] + load(bias + c));
        } else if (addend) {
            ATTUNE_SIMD
            for (Int c = 0; c < width; ++c)
                store(y + c, load(x + c) * scale[c] + addend[c]);
        } else {
            ATTUNE_SIMD
            for (Int c = 0; c < width; ++c)
                store(y + c, load(x + c) * scale[c]);
        }
        if (addend)
            addend += addendStride;
    }
}

template <class T, class A = typename Arithmetic<T>::Type>
void columnDots(const T* x, Int xStride, const T* y, Int yStride, A* sums, Int rows, Int begin, Int end) {
    for (Int r = 0; r < rows; ++r, x += xStride, y += yStride) {
        ATTUNE_SIMD
        for (Int c = begin; c < end; ++c)
            sums[c] += load(x + c) * load(y + c);
    }
}

template <class T>
void fill(KernelTable<T>& table) {
    table.scaleColumns = scaleColumns<T, T>;
    table.scaleColumnsWide = scaleColumns<T, typename Arithmetic<T>::Type>;
    table.columnDots = columnDots<T>;
}

} // namespace

void fillColumnScale(KernelTable<float>& f, KernelTable<double>& d, KernelTable<Bf16>& b) {
    fill(f), fill(d), fill(b);
}

} // namespace ATTUNE_ISA
} // namespace attune::kernels
