#include "core/nn/linear_pass.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "core/nn/kernels/column_scale.h"
#include "core/nn/kernels/low_rank.h"
#include "core/nn/kernels/matmul.h"
#include "core/nn/kernels/ops.h"

namespace attune {

using kernels::multiply;

namespace {

// Long micro-batches go through a layer in stretches of tokens that stay in the second-level cache between the adapter's
// small products and the large one.
constexpr std::int64_t kTokensAtOnce = 512;

// f(first token, tokens)
template <class F>
void eachStretch(const at::Tensor& x, F&& f) {
    const std::int64_t tokens = x.size(0), step = x.is_cpu() ? kTokensAtOnce : tokens;
    for (std::int64_t begin = 0; begin < tokens; begin += step)
        f(begin, std::min(step, tokens - begin));
}

at::Tensor rowsOf(const at::Tensor& matrix, std::int64_t begin, std::int64_t rows) {
    return matrix.defined() ? matrix.narrow(0, begin, rows) : at::Tensor();
}

} // namespace

// f(part, adapter, number of the part in the model, first rank column)
template <class F>
void LinearPass::eachAdapter(F&& f) const {
    std::int64_t column = 0;
    for (std::size_t i = 0; i < m_linear->parts.size(); ++i) {
        const LinearPart& part = m_linear->parts[i];
        if (!part.lora)
            continue;
        f(part, *part.lora, m_firstPart + i, column);
        column += part.lora->rank();
    }
}

bool LinearPass::trained(const LinearContext& context) const {
    return m_linear->weight.trained || m_linear->bias.trained || adapted(context);
}

at::Tensor LinearPass::dropped(LinearContext& context, const LoraAdapter& adapter, std::uint64_t part,
                               const at::Tensor& x) const {
    if (!context.dropout || adapter.dropout <= 0.0)
        return x;
    at::Tensor result = context.scratch.get(x.size(0), x.size(1), x.scalar_type(), x.device());
    kernels::dropout(x, result, false, adapter.dropout, context.dropoutKey, context.dropoutStream + part);
    return result;
}

at::Tensor LinearPass::weights(LinearContext& context, bool withAdapters) const {
    if (!m_linear->packed)
        return withAdapters ? m_linear->augmented : m_linear->weight.compute;
    const std::int64_t in = m_linear->inFeatures(), rank = withAdapters ? m_linear->adapterRank() : 0;
    const PartTimer timer(context.times, "unpacking");
    const at::Tensor whole =
        context.unpacked.get(m_linear->outFeatures(), in + rank, context.type, at::kCPU);
    m_linear->readRows(0, whole.narrow(1, 0, in));
    if (rank > 0)
        whole.narrow(1, in, rank).copy_(m_linear->scaledB);
    return whole;
}

void LinearPass::forward(LinearContext& context, const at::Tensor& input, const at::Tensor& y, const at::Tensor& addend,
                         const at::Tensor& kept) const {
    if (context.inputs)
        (*context.inputs)(*m_linear, input.narrow(1, 0, m_linear->inFeatures()));
    const at::Tensor weight = weights(context, adapted(context));
    if (context.dropout) { // its random numbers count from the first token
        adapterForward(context, input, kept);
        return product(context, weight, input, y, addend, kept);
    }
    eachStretch(input, [&](std::int64_t begin, std::int64_t rows) {
        const at::Tensor x = input.narrow(0, begin, rows), keptRows = rowsOf(kept, begin, rows);
        adapterForward(context, x, keptRows);
        product(context, weight, x, y.narrow(0, begin, rows), rowsOf(addend, begin, rows), keptRows);
    });
}

void LinearPass::product(LinearContext& context, const at::Tensor& weight, const at::Tensor& input, const at::Tensor& y,
                         const at::Tensor& addend, const at::Tensor& kept) const {
    const at::Tensor x = adapted(context) ? input : input.narrow(1, 0, m_linear->inFeatures());
    if (scaled(context)) {
        const at::Tensor rows = unscaled(context, kept, y.size(0));
        {
            const PartTimer timer(context.times, "products");
            multiply(rows, x, weight.t());
        }
        const PartTimer timer(context.times, "adapters");
        return kernels::scaleColumns(rows, m_linear->rowScale, y, m_linear->bias.compute, addend);
    }
    const PartTimer timer(context.times, "products");
    if (addend.defined())
        kernels::multiplyAdd(y, x, weight.t(), addend, m_linear->bias.compute);
    else
        multiply(y, x, weight.t(), false, m_linear->bias.compute);
}

void LinearPass::adapterForward(LinearContext& context, const at::Tensor& input, const at::Tensor& kept) const {
    if (!adapted(context))
        return;
    const std::int64_t in = m_linear->inFeatures();
    const at::Tensor x = input.narrow(1, 0, in);
    const PartTimer timer(context.times, "adapters");
    if (!context.dropout) {
        kernels::lowRankDown(x, m_linear->loraA, input.narrow(1, in, m_linear->adapterRank()));
    } else {
        eachAdapter([&](const LinearPart&, const LoraAdapter& adapter, std::uint64_t part, std::int64_t column) {
            multiply(input.narrow(1, in + column, adapter.rank()), dropped(context, adapter, part, x),
                     m_linear->loraA.narrow(0, column, adapter.rank()).t());
        });
    }
    if (kept.defined())
        eachAdapter([&](const LinearPart&, const LoraAdapter& adapter, std::uint64_t, std::int64_t column) {
            kernels::scaledCopy(input.narrow(1, in + column, adapter.rank()),
                                kept.narrow(1, column, adapter.rank()), adapter.scale);
        });
}

void LinearPass::forwardKept(LinearContext& context, const at::Tensor& input, const at::Tensor& kept) const {
    adapterForward(context, input, kept);
    if (!scaled(context) || !kept.defined())
        return;
    const at::Tensor weight = weights(context, true);
    const PartTimer timer(context.times, "products");
    multiply(unscaled(context, kept, input.size(0)), input, weight.t());
}

at::Tensor LinearPass::unscaled(LinearContext& context, const at::Tensor& kept, std::int64_t tokens) const {
    const std::int64_t out = m_linear->outFeatures();
    return kept.defined() ? kept.narrow(1, m_linear->adapterRank(), out)
                          : context.outputs.get(tokens, out, context.type, m_linear->loraA.device());
}

// The length of the row is a constant here, as in the paper (section 4.3): y = rowScale * u.
at::Tensor LinearPass::unscaledGradient(LinearContext& context, const at::Tensor& dy) const {
    if (!scaled(context))
        return dy;
    const at::Tensor du = context.outputGradient.get(dy.size(0), dy.size(1), dy.scalar_type(), dy.device());
    kernels::scaleColumns(dy, m_linear->rowScale, du);
    return du;
}

void LinearPass::inputGradient(LinearContext& context, const at::Tensor& dOutput, const at::Tensor& dInput,
                               bool wantInput) const {
    const at::Tensor dy = unscaledGradient(context, dOutput);
    const std::int64_t in = m_linear->inFeatures(), rank = m_linear->adapterRank();
    const at::Tensor dx = dInput.narrow(1, 0, in);
    if (!adapted(context)) {
        if (!wantInput)
            return;
        const at::Tensor weight = weights(context, false);
        const PartTimer timer(context.times, "products");
        multiply(dx, dy, weight);
        return;
    }
    if (!wantInput) {
        const PartTimer timer(context.times, "adapters");
        multiply(dInput.narrow(1, in, rank), dy, m_linear->scaledB);
        return;
    }
    const at::Tensor weight = weights(context, true);
    const auto product = [&](const at::Tensor& from, const at::Tensor& to) {
        const PartTimer timer(context.times, "products");
        multiply(to, from, weight);
    };
    if (!context.dropout)
        return eachStretch(dy, [&](std::int64_t begin, std::int64_t rows) {
            const at::Tensor gradient = dInput.narrow(0, begin, rows);
            product(dy.narrow(0, begin, rows), gradient);
            const PartTimer timer(context.times, "adapters");
            kernels::lowRankUpAdd(gradient.narrow(1, in, rank), m_linear->loraA, gradient.narrow(1, 0, in));
        });
    product(dy, dInput);
    const PartTimer timer(context.times, "adapters");
    eachAdapter([&](const LinearPart&, const LoraAdapter& adapter, std::uint64_t part, std::int64_t column) {
        const at::Tensor inner = dInput.narrow(1, in + column, adapter.rank());
        const at::Tensor a = m_linear->loraA.narrow(0, column, adapter.rank());
        if (adapter.dropout <= 0.0)
            return multiply(dx, inner, a, true);
        const at::Tensor scratch = context.scratch.get(dx.size(0), in, dx.scalar_type(), dx.device());
        multiply(scratch, inner, a);
        kernels::dropout(scratch, dx, true, adapter.dropout, context.dropoutKey, context.dropoutStream + part);
    });
}

void LinearPass::parameterGradients(LinearContext& context, const at::Tensor& dy, const at::Tensor& input,
                                    const at::Tensor& dInput, const at::Tensor& kept) const {
    const std::int64_t in = m_linear->inFeatures();
    const at::Tensor x = input.narrow(1, 0, in);
    if (m_linear->weight.trained) {
        const PartTimer timer(context.times, "weight gradients");
        multiply(m_linear->weight.trained->grad, dy.t(), x, true);
    }
    if (m_linear->bias.trained)
        kernels::addColumnSums(dy, m_linear->bias.trained->grad);
    if (!adapted(context))
        return;
    const PartTimer timer(context.times, "adapters");
    if (scaled(context)) { // d magnitude = sum over tokens of dy * u / |row|
        const at::Tensor sums = at::zeros_like(m_linear->rowScale);
        kernels::addColumnDots(unscaled(context, kept, dy.size(0)), dy, sums);
        eachAdapter([&](const LinearPart& part, const LoraAdapter& adapter, std::uint64_t, std::int64_t) {
            if (adapter.magnitude.value.defined())
                at::Tensor(adapter.magnitude.grad)
                    .add_(sums.narrow(0, part.begin, part.rows) / m_linear->rowNorm.narrow(0, part.begin, part.rows));
        });
    }
    const at::Tensor du = unscaledGradient(context, dy);
    if (context.squares)
        eachAdapter([&](const LinearPart& part, const LoraAdapter& adapter, std::uint64_t, std::int64_t) {
            const at::ScalarType master = adapter.a.value.scalar_type();
            const at::Tensor squared = at::mm(du.narrow(1, part.begin, part.rows).to(master).t(), x.to(master)).square_();
            WeightSquares& sums = (*context.squares)[&adapter];
            sums.rows = sums.rows.defined() ? sums.rows.add_(squared.sum(1)) : squared.sum(1);
            sums.columns = sums.columns.defined() ? sums.columns.add_(squared.sum(0)) : squared.sum(0);
        });
    eachAdapter([&](const LinearPart& part, const LoraAdapter& adapter, std::uint64_t, std::int64_t column) {
        kernels::lowRankGradient(kept.narrow(1, column, adapter.rank()), du.narrow(1, part.begin, part.rows),
                                 adapter.b.grad, true);
    });
    const at::Tensor inner = dInput.narrow(1, in, m_linear->adapterRank());
    if (!context.dropout) { // the gradients of the parts' A lie one after the other: one product
        kernels::lowRankGradient(inner, x, m_linear->loraAGradient, false);
        return;
    }
    eachAdapter([&](const LinearPart&, const LoraAdapter& adapter, std::uint64_t part, std::int64_t column) {
        kernels::lowRankGradient(inner.narrow(1, column, adapter.rank()), dropped(context, adapter, part, x),
                                 adapter.a.grad, false);
    });
}

} // namespace attune
