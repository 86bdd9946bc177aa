#include "core/nn/expert_pass.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "core/nn/kernels/ops.h"

namespace attune {

namespace {

// Widest of all experts' layers: `width` of a layer.
template <class F>
std::int64_t widestOf(const ExpertPass::Layers& layers, F&& width) {
    std::int64_t widest = 0;
    for (const auto& mlp : layers.mlps)
        widest = std::max(widest, width(mlp));
    return widest;
}

// The layer's columns of a buffer that is as wide as the widest expert's.
at::Tensor columns(const at::Tensor& rows, std::int64_t width) { return rows.defined() ? rows.narrow(1, 0, width) : at::Tensor(); }

} // namespace

ExpertPass::Layers::Layers(Block& block, std::uint64_t firstPart) : router(block.router, firstPart) {
    std::uint64_t part = firstPart + block.router.parts.size();
    for (Expert& expert : block.experts) {
        const std::uint64_t down = part + expert.gateUp.parts.size();
        mlps.push_back({LinearPass(expert.gateUp, part), LinearPass(expert.down, down)});
        part = down + 1;
    }
}

bool ExpertPass::Layers::upTrained(const LinearContext& context) const {
    return !mlps.empty() && (router.trained(context) ||
                             std::any_of(mlps.begin(), mlps.end(), [&](const Mlp& mlp) { return mlp.gateUp.trained(context); }));
}

bool ExpertPass::Layers::downTrained(const LinearContext& context) const {
    return std::any_of(mlps.begin(), mlps.end(), [&](const Mlp& mlp) { return mlp.down.trained(context); });
}

kernels::ExpertRows ExpertPass::rowsOf(const ExpertBatch& batch, Kept& keep) const {
    const std::int64_t k = m_config.expertsPerToken, rows = mostRows(batch);
    return {keep.probabilities.get(batch.tokens, m_config.experts, batch.master, at::kCPU),
            keep.chosen.get(batch.tokens, k, at::kInt, at::kCPU), keep.slots.get(batch.tokens, k, at::kInt, at::kCPU),
            keep.tokens.get(rows, 1, at::kInt, at::kCPU), keep.weights.get(rows, 1, batch.master, at::kCPU)};
}

void ExpertPass::reserve(const ExpertBatch& batch, const Layers& layers, LinearContext& context) const {
    std::int64_t dropped = 0, scaled = 0;
    for (const auto& mlp : layers.mlps)
        for (const LinearPass* layer : {&mlp.gateUp, &mlp.down}) {
            if (context.dropout && layer->dropsInput())
                dropped = std::max(dropped, layer->inFeatures());
            if (layer->scalesOutput())
                scaled = std::max(scaled, layer->outFeatures());
        }
    if (dropped > 0)
        context.scratch.get(batch.tokens, dropped, batch.type, at::kCPU);
    if (scaled > 0)
        context.outputGradient.get(batch.tokens, scaled, batch.type, at::kCPU);
}

void ExpertPass::forward(const ExpertBatch& batch, const Layers& layers, Kept& keep, LinearContext& context, const at::Tensor& input,
                         const at::Tensor& x, const at::Tensor& next, bool keeping) {
    const auto compute = [&](Buffer& buffer, std::int64_t rows, std::int64_t width) { return buffer.get(rows, width, batch.type, at::kCPU); };
    const auto kept = [&](Buffer& buffer, std::int64_t rows, std::int64_t width) {
        return keeping && width > 0 ? compute(buffer, rows, width) : at::Tensor();
    };
    const std::int64_t hidden = m_config.hiddenSize, inner = m_config.intermediateSize, most = mostRows(batch);
    const kernels::ExpertRows rows = rowsOf(batch, keep);
    layers.router.forward(context, input, rows.probabilities, {}, kept(keep.keptRouter, batch.tokens, layers.router.keptWidth()));
    const at::Tensor inputs = compute(m_inputs, most, widestOf(layers, [](const auto& mlp) { return mlp.gateUp.inputWidth(); }));
    const at::Tensor gateUp = compute(keep.gateUp, most, 2 * inner);
    const at::Tensor middle = compute(m_inner, most, widestOf(layers, [](const auto& mlp) { return mlp.down.inputWidth(); }));
    const at::Tensor keptUp = kept(keep.keptUp, most, widestOf(layers, [](const auto& mlp) { return mlp.gateUp.keptWidth(); }));
    const at::Tensor keptDown = kept(keep.keptDown, most, widestOf(layers, [](const auto& mlp) { return mlp.down.keptWidth(); }));
    const at::Tensor outputs = next.defined() ? m_outputs.get(most, hidden, batch.master, at::kCPU) : at::Tensor();
    {
        const PartTimer timer(context.times, "router");
        kernels::routeTokens(rows, batch.count, m_config.renormalizedExperts, keep.begins, keep.tokensOf);
        keep.probabilitySums.resize(static_cast<std::size_t>(m_config.experts));
        const at::Tensor sums = rows.probabilities.narrow(0, 0, batch.count).sum(0, false, at::kDouble);
        std::copy_n(sums.data_ptr<double>(), keep.probabilitySums.size(), keep.probabilitySums.begin());
        kernels::gatherRows(input.narrow(1, 0, hidden), rows.tokens, keep.begins.back(), inputs);
    }
    reserve(batch, layers, context);
    for (std::size_t e = 0; e < layers.mlps.size(); ++e) {
        const auto& [up, down] = layers.mlps[e];
        const std::int64_t begin = keep.begins[e], count = keep.begins[e + 1] - begin;
        if (count == 0)
            continue;
        const auto of = [&](const at::Tensor& all) { return all.defined() ? all.narrow(0, begin, count) : at::Tensor(); };
        up.forward(context, columns(of(inputs), up.inputWidth()), of(gateUp), {}, columns(of(keptUp), up.keptWidth()));
        const at::Tensor h = columns(of(middle), down.inputWidth()), activated = h.narrow(1, 0, inner);
        {
            const PartTimer timer(context.times, "activation");
            kernels::activationForward(m_config.activation, true, of(gateUp), activated);
            kernels::scaleExpertRows(activated, of(rows.weights)); // what the product would be multiplied by afterwards
        }
        if (next.defined())
            down.forward(context, h, of(outputs), {}, columns(of(keptDown), down.keptWidth()));
        else
            down.forwardKept(context, h, columns(of(keptDown), down.keptWidth()));
    }
    if (!next.defined())
        return;
    const PartTimer timer(context.times, "residual");
    kernels::addExpertRows(outputs, rows.slots, batch.count, x, next);
}

void ExpertPass::backwardOf(const ExpertBatch& batch, const Layers& layers, Kept& keep, LinearContext& context, const at::Tensor& dy,
                            Below below, std::span<const double> balance, const at::Tensor& input, const at::Tensor& dInput) {
    const auto compute = [&](Buffer& buffer, std::int64_t rows, std::int64_t width) { return buffer.get(rows, width, batch.type, at::kCPU); };
    const auto kept = [&](Buffer& buffer, std::int64_t width) {
        return width > 0 ? compute(buffer, mostRows(batch), width) : at::Tensor();
    };
    const std::int64_t hidden = m_config.hiddenSize, inner = m_config.intermediateSize, most = mostRows(batch), used = keep.begins.back();
    const kernels::ExpertRows rows = rowsOf(batch, keep);
    const std::int64_t upWidth = widestOf(layers, [](const auto& mlp) { return mlp.gateUp.inputWidth(); });
    const std::int64_t downWidth = widestOf(layers, [](const auto& mlp) { return mlp.down.inputWidth(); });
    const at::Tensor gateUp = compute(keep.gateUp, most, 2 * inner), middle = compute(m_inner, most, downWidth);
    const at::Tensor dMiddle = compute(m_innerGradients, most, downWidth), dOutputs = compute(m_outputGradients, most, hidden);
    const at::Tensor dWeights = m_weightGradients.get(most, 1, batch.master, at::kCPU);
    const at::Tensor keptUp = kept(keep.keptUp, widestOf(layers, [](const auto& mlp) { return mlp.gateUp.keptWidth(); }));
    const at::Tensor keptDown = kept(keep.keptDown, widestOf(layers, [](const auto& mlp) { return mlp.down.keptWidth(); }));
    at::Tensor inputs, dInputs;
    {
        const PartTimer timer(context.times, "router");
        kernels::gatherRows(dy, rows.tokens, used, dOutputs);
        if (below.down)
            dInputs = compute(m_inputGradients, most, upWidth);
        if (below.down && input.defined()) {
            inputs = compute(m_inputs, most, upWidth);
            kernels::gatherRows(input.narrow(1, 0, hidden), rows.tokens, used, inputs);
        }
    }
    for (std::size_t e = 0; e < layers.mlps.size(); ++e) {
        const auto& [up, down] = layers.mlps[e];
        const std::int64_t begin = keep.begins[e], count = keep.begins[e + 1] - begin;
        if (count == 0)
            continue;
        const auto of = [&](const at::Tensor& all) { return all.defined() ? all.narrow(0, begin, count) : at::Tensor(); };
        const at::Tensor h = columns(of(middle), down.inputWidth()), dh = columns(of(dMiddle), down.inputWidth());
        const at::Tensor activated = h.narrow(1, 0, inner), dActivated = dh.narrow(1, 0, inner), upRows = of(gateUp);
        down.inputGradient(context, of(dOutputs), dh, below.down);
        {
            const PartTimer timer(context.times, "activation");
            kernels::activationForward(m_config.activation, true, upRows, activated);
            if (below.down) {
                kernels::expertWeightGradient(activated, of(rows.weights), dActivated, of(dWeights));
                kernels::activationBackward(m_config.activation, true, upRows, activated, dActivated);
            }
            if (down.trained(context))
                kernels::scaleExpertRows(activated, of(rows.weights));
        }
        down.parameterGradients(context, of(dOutputs), h, dh, columns(of(keptDown), down.keptWidth()));
        if (!below.down)
            continue;
        const at::Tensor dRows = columns(of(dInputs), up.inputWidth());
        up.inputGradient(context, upRows, dRows, below.up);
        if (up.trained(context))
            up.parameterGradients(context, upRows, columns(of(inputs), up.inputWidth()), dRows, columns(of(keptUp), up.keptWidth()));
    }
    if (!below.down)
        return;
    const at::Tensor dLogits = compute(m_logitGradients, batch.tokens, m_config.experts);
    {
        const PartTimer timer(context.times, "router");
        kernels::routerGradient(rows, dWeights, batch.count, m_config.renormalizedExperts, balance, dLogits);
    }
    layers.router.inputGradient(context, dLogits, dInput, below.up);
    if (layers.router.trained(context))
        layers.router.parameterGradients(context, dLogits, input, dInput,
                                         layers.router.keptWidth() > 0
                                             ? compute(keep.keptRouter, batch.tokens, layers.router.keptWidth())
                                             : at::Tensor());
    if (!below.up)
        return;
    const PartTimer timer(context.times, "router");
    kernels::addExpertGradients(dInputs, rows.slots, batch.count, dInput.narrow(1, 0, hidden));
}

} // namespace attune
