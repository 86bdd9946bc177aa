#include "core/nn/kernels/qk_norm.h"

#include <algorithm>
#include <vector>

#include "core/nn/kernels/dispatch.h"

namespace attune::kernels {

void qkNormForward(const QkNormColumns& columns, const at::Tensor& weight, double epsilon, const at::Tensor& products,
                   const at::Tensor& raw, const at::Tensor& rstd) {
    if (!products.is_cpu())
        return reference::qkNormForward(columns, weight, epsilon, products, raw, rstd);
    withStorage(products.scalar_type(), [&]<class T>(T) {
        using A = typename Arithmetic<T>::Type;
        const KernelTable<T>& loops = kernelTable<T>(activeInstructionSet());
        const std::int64_t all = columns.segments * columns.width, stride = products.stride(0);
        forRows(products.size(0), 2 * all, [&](std::int64_t t, std::int64_t end) {
            std::vector<A> wide(static_cast<std::size_t>(all));
            for (; t < end; ++t) {
                T* x = dataOf<T>(products) + t * stride + columns.begin;
                std::copy(x, x + all, dataOf<T>(raw) + t * all);
                loops.widen(x, wide.data(), all);
                loops.rmsNorm(wide.data(), dataOf<A>(weight), static_cast<A>(epsilon), x, columns.width,
                              dataOf<A>(rstd) + t * columns.segments, columns.segments, columns.width);
            }
        });
    });
}

void qkNormBackward(const QkNormColumns& columns, const at::Tensor& weight, const at::Tensor& raw, const at::Tensor& rstd,
                    const at::Tensor& gradient, const at::Tensor& dWeight) {
    if (!gradient.is_cpu())
        return reference::qkNormBackward(columns, weight, raw, rstd, gradient, dWeight);
    withStorage(gradient.scalar_type(), [&]<class T>(T) {
        using A = typename Arithmetic<T>::Type;
        const KernelTable<T>& loops = kernelTable<T>(activeInstructionSet());
        const std::int64_t all = columns.segments * columns.width, stride = gradient.stride(0), tokens = gradient.size(0);
        if (dWeight.defined()) // before the gradient is overwritten
            forColumns(tokens * columns.segments, columns.width, [&](std::int64_t begin, std::int64_t end) {
                std::vector<A> wide(static_cast<std::size_t>(all));
                for (std::int64_t t = 0; t < tokens; ++t) {
                    loops.widen(dataOf<T>(raw) + t * all, wide.data(), all);
                    loops.normWeightGradient(dataOf<T>(gradient) + t * stride + columns.begin, columns.width, wide.data(),
                                             nullptr, dataOf<A>(rstd) + t * columns.segments, dataOf<A>(dWeight),
                                             columns.segments, columns.width, begin, end);
                }
            });
        forRows(tokens, 2 * all, [&](std::int64_t t, std::int64_t end) {
            std::vector<A> wide(static_cast<std::size_t>(2 * all));
            A* result = wide.data() + all;
            for (; t < end; ++t) {
                T* dy = dataOf<T>(gradient) + t * stride + columns.begin;
                loops.widen(dataOf<T>(raw) + t * all, wide.data(), all);
                std::fill(result, result + all, A(0));
                loops.rmsNormBackward(dy, columns.width, wide.data(), dataOf<A>(weight),
                                      dataOf<A>(rstd) + t * columns.segments, result, columns.segments, columns.width);
                loops.narrow(result, dy, all);
            }
        });
    });
}

} // namespace attune::kernels
