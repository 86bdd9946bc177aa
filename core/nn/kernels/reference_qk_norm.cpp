#include <ATen/ATen.h>

#include "core/nn/kernels/qk_norm.h"
#include "core/nn/kernels/reference_ops.h"

namespace attune::kernels::reference {

namespace {

at::Tensor columnsOf(const QkNormColumns& columns, const at::Tensor& x) {
    return x.narrow(1, columns.begin, columns.segments * columns.width);
}
at::Tensor segmentsOf(const QkNormColumns& columns, const at::Tensor& x) {
    return wide(x).reshape({x.size(0), columns.segments, columns.width});
}

} // namespace

void qkNormForward(const QkNormColumns& columns, const at::Tensor& weight, double epsilon, const at::Tensor& products,
                   const at::Tensor& raw, const at::Tensor& rstd) {
    raw.copy_(columnsOf(columns, products));
    const at::Tensor x = segmentsOf(columns, raw);
    rstd.copy_(at::rsqrt((x * x).mean(2) + epsilon));
    columnsOf(columns, products).copy_((x * rstd.unsqueeze(2) * weight).flatten(1));
}

void qkNormBackward(const QkNormColumns& columns, const at::Tensor& weight, const at::Tensor& raw, const at::Tensor& rstd,
                    const at::Tensor& gradient, const at::Tensor& dWeight) {
    const at::Tensor dy = segmentsOf(columns, columnsOf(columns, gradient));
    const at::Tensor n = segmentsOf(columns, raw) * rstd.unsqueeze(2), g = dy * weight;
    if (dWeight.defined())
        dWeight.add_((dy * n).flatten(0, 1).sum(0));
    columnsOf(columns, gradient).copy_(((g - n * (g * n).mean(2, true)) * rstd.unsqueeze(2)).flatten(1));
}

} // namespace attune::kernels::reference
