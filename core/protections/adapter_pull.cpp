#include "core/protections/adapter_pull.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace attune {

double pullAdapter(const LoraAdapter& adapter, double strength, const at::Tensor& rows, const at::Tensor& columns) {
    at::NoGradGuard noGrad;
    const auto weighedRows = [&](const at::Tensor& b) { return rows.defined() ? b * rows.unsqueeze(1) : b; };
    const auto weighedColumns = [&](const at::Tensor& a) { return columns.defined() ? a * columns.unsqueeze(0) : a; };
    const double scale = adapter.scale * adapter.scale;
    const at::Tensor &a = adapter.a.value, &b = adapter.b.value;
    const at::Tensor ca = weighedColumns(a), rb = weighedRows(b);
    const at::Tensor aa = at::mm(a, ca.t()), bb = at::mm(b.t(), rb);
    double value = (aa * bb).sum(at::kDouble).item<double>();
    at::Tensor towardsB = at::mm(rb, aa), towardsA = at::mm(bb, ca);
    if (adapter.startA.defined()) {
        const at::Tensor &a0 = adapter.startA, &b0 = adapter.startB;
        const at::Tensor ca0 = weighedColumns(a0), rb0 = weighedRows(b0);
        const at::Tensor cross = at::mm(a0, ca.t()), back = at::mm(b.t(), rb0); // [r0, r], [r, r0]
        value += (at::mm(a0, ca0.t()) * at::mm(b0.t(), rb0)).sum(at::kDouble).item<double>();
        value -= 2 * (cross.t() * back).sum(at::kDouble).item<double>();
        towardsB.sub_(at::mm(rb0, cross));
        towardsA.sub_(at::mm(back, ca0));
    }
    at::Tensor(adapter.b.grad).add_(towardsB, strength * scale);
    at::Tensor(adapter.a.grad).add_(towardsA, strength * scale);
    return scale * value;
}

} // namespace attune
