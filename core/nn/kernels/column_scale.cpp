#include "core/nn/kernels/column_scale.h"

#include <ATen/ATen.h>

#include "core/nn/kernels/dispatch.h"

namespace attune::kernels {

void scaleColumns(const at::Tensor& x, const at::Tensor& scale, const at::Tensor& y, const at::Tensor& bias,
                  const at::Tensor& addend) {
    if (!x.is_cpu()) {
        at::Tensor result = x * scale;
        if (bias.defined())
            result = result + bias;
        at::Tensor(y).copy_(addend.defined() ? result + addend : result);
        return;
    }
    withStorage(x.scalar_type(), [&]<class T>(T) {
        using A = typename Arithmetic<T>::Type;
        const KernelTable<T>& table = kernelTable<T>(activeInstructionSet());
        const std::int64_t width = x.size(1), xStride = x.stride(0), yStride = y.stride(0),
                           addendStride = addend.defined() ? addend.stride(0) : 0;
        const T* biases = bias.defined() ? dataOf<T>(bias) : nullptr;
        const A* addends = addend.defined() ? dataOf<A>(addend) : nullptr;
        const bool wide = y.scalar_type() != x.scalar_type();
        forRows(x.size(0), width, [&](std::int64_t begin, std::int64_t end) {
            const T* from = dataOf<T>(x) + begin * xStride;
            const A* add = addends ? addends + begin * addendStride : nullptr;
            if (wide)
                table.scaleColumnsWide(from, xStride, dataOf<A>(scale), biases, add, addendStride,
                                       dataOf<A>(y) + begin * yStride, yStride, end - begin, width);
            else
                table.scaleColumns(from, xStride, dataOf<A>(scale), biases, add, addendStride,
                                   dataOf<T>(y) + begin * yStride, yStride, end - begin, width);
        });
    });
}

void addColumnDots(const at::Tensor& x, const at::Tensor& y, const at::Tensor& sums) {
    if (!x.is_cpu()) {
        at::Tensor(sums).add_((x.to(sums.scalar_type()) * y).sum(0));
        return;
    }
    withStorage(x.scalar_type(), [&]<class T>(T) {
        using A = typename Arithmetic<T>::Type;
        forColumns(x.size(0), x.size(1), [&](std::int64_t begin, std::int64_t end) {
            kernelTable<T>(activeInstructionSet())
                .columnDots(dataOf<T>(x), x.stride(0), dataOf<T>(y), y.stride(0), dataOf<A>(sums), x.size(0), begin, end);
        });
    });
}

} // namespace attune::kernels
