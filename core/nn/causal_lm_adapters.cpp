// CausalLm, adapters: the products they widen, and what is derived from masters after each step.
#include "core/nn/causal_lm.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace attune {

namespace {

void refresh(Weight& weight) {
    if (weight.trained && !weight.trained->value.is_alias_of(weight.compute))
        weight.compute.copy_(weight.trained->value);
}

} // namespace

void CausalLm::prepareAdapters() {
    for (Block& block : blocks)
        for (Linear* linear : block.linears()) {
            std::int64_t rank = 0;
            for (const LinearPart& part : linear->parts)
                rank += part.lora ? part.lora->rank() : 0;
            if (rank == 0 && linear->adapterRank() == 0)
                continue;
            const at::TensorOptions options = at::TensorOptions().dtype(m_settings.dtype).device(m_settings.device);
            const std::int64_t out = linear->out, in = linear->in;
            linear->augmented = linear->scaledB = at::Tensor();
            if (linear->packed) {
                linear->scaledB = rank > 0 ? at::zeros({out, rank}, options) : at::Tensor();
            } else {
                const at::Tensor base = linear->weight.compute;
                at::Tensor storage = at::zeros({out, in + rank}, options);
                at::Tensor moved = storage.narrow(1, 0, in);
                moved.copy_(base);
                if (linear->weight.trained && linear->weight.trained->value.is_alias_of(base))
                    linear->weight.trained->value = base.contiguous();
                linear->weight.compute = moved;
                if (rank > 0)
                    linear->augmented = storage, linear->scaledB = storage.narrow(1, in, rank);
            }
            linear->loraA = rank > 0 ? at::empty({rank, in}, options) : at::Tensor();
            linear->loraAGradient = rank > 0 ? at::zeros({rank, in}, options.dtype(masterType())) : at::Tensor();
            std::int64_t row = 0;
            for (LinearPart& part : linear->parts) {
                if (!part.lora)
                    continue;
                part.lora->a.grad = linear->loraAGradient.narrow(0, row, part.lora->rank());
                part.lora->b.grad = at::zeros_like(part.lora->b.value);
                if (part.lora->magnitude.value.defined())
                    part.lora->magnitude.grad = at::zeros_like(part.lora->magnitude.value);
                row += part.lora->rank();
            }
        }
}

void CausalLm::setAdaptersEnabled(bool enabled) {
    if (enabled == m_adaptersEnabled)
        return;
    m_adaptersEnabled = enabled;
    refreshTokenRows();
    for (const Block& block : blocks)
        for (const Linear* linear : block.linears())
            if (linear->needsStart)
                return refreshComputeWeights();
}

// Rows of W + scale * B A in stretches: the whole of it never exists.
void CausalLm::refreshRowScale(Linear& linear) {
    constexpr std::int64_t kRows = 256;
    const at::TensorOptions options = at::TensorOptions().dtype(masterType()).device(m_settings.device);
    bool any = false;
    for (const LinearPart& part : linear.parts)
        any |= part.lora && part.lora->magnitude.value.defined();
    if (!any) {
        linear.rowNorm = linear.rowScale = at::Tensor();
        return;
    }
    linear.rowNorm = at::ones({linear.out}, options);
    linear.rowScale = at::ones({linear.out}, options);
    const at::Tensor staging = at::empty({std::min(kRows, linear.out), linear.in}, options);
    for (const LinearPart& part : linear.parts) {
        if (!part.lora || !part.lora->magnitude.value.defined())
            continue;
        for (std::int64_t row = 0; row < part.rows; row += kRows) {
            const std::int64_t count = std::min(kRows, part.rows - row);
            at::Tensor weight = staging.narrow(0, 0, count);
            linear.readRows(part.begin + row, weight);
            weight.addmm_(part.lora->b.value.narrow(0, row, count), part.lora->a.value, 1, part.lora->scale);
            linear.rowNorm.narrow(0, part.begin + row, count).copy_(weight.norm(2, 1));
        }
        linear.rowScale.narrow(0, part.begin, part.rows)
            .copy_(part.lora->magnitude.value / linear.rowNorm.narrow(0, part.begin, part.rows));
    }
}

void CausalLm::refreshTokenRows() {
    if (!tokenRows)
        return;
    at::NoGradGuard noGrad;
    embedding.compute.index_copy_(0, tokenRows->index, m_adaptersEnabled ? tokenRows->values.value.to(m_settings.dtype) : tokenRows->base);
}

void CausalLm::refreshComputeWeights() {
    at::NoGradGuard noGrad;
    for (Weight* weight : weights())
        refresh(*weight);
    refreshTokenRows();
    for (Block& block : blocks)
        for (Linear* linear : block.linears()) {
            std::int64_t column = 0;
            linear->needsStart = false;
            for (const LinearPart& part : linear->parts) {
                if (!part.lora)
                    continue;
                const LoraAdapter& lora = *part.lora;
                const std::int64_t rank = lora.rank();
                const at::Tensor& a = m_adaptersEnabled || !lora.startA.defined() ? lora.a.value : lora.startA;
                const at::Tensor& b = m_adaptersEnabled || !lora.startB.defined() ? lora.b.value : lora.startB;
                // Beside a part that needs its start, one that does not must add nothing while adapters are off.
                const double scale = m_adaptersEnabled || lora.startA.defined() ? lora.scale : 0.0;
                linear->needsStart |= lora.startA.defined();
                linear->loraA.narrow(0, column, rank).copy_(a);
                linear->scaledB.narrow(0, part.begin, part.rows).narrow(1, column, rank).copy_(b * scale);
                column += rank;
            }
            refreshRowScale(*linear);
        }
}

} // namespace attune
