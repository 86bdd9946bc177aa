// BlockPass, backward: from the gradient of the last residuals to every trained weight, not further down than needed.
#include <algorithm>

#include "core/nn/block_pass.h"

namespace attune {

void BlockPass::normParameterGradients(const Norm& norm, const at::Tensor& dy, const at::Tensor& x,
                            const at::Tensor& statistics_) const {
    const PartTimer timer(times, "norms");
    if (trained(norm))
        kernels::normParameterGradients(arguments(norm), dy, x, statistics_, gradientOf(norm.weight),
                                        gradientOf(norm.bias));
}

void BlockPass::normBackward(const Norm& norm, const at::Tensor& dy, const at::Tensor& x, const at::Tensor& statistics_,
                  const at::Tensor& dx) const {
    const PartTimer timer(times, "norms");
    if (norm.defined())
        kernels::normBackward(arguments(norm), dy, x, statistics_, dx);
    else
        at::Tensor(dx).add_(dy);
}

void BlockPass::qkNormBackward(const attune::Block& block, BlockBuffers& keep, const at::Tensor& gradient_) {
    const PartTimer timer(times, "norms");
    const auto apply = [&](const Norm& norm, const kernels::QkNormColumns& columns, Buffer& raw, Buffer& stats) {
        if (norm.defined())
            kernels::qkNormBackward(columns, norm.weight.compute, compute(raw, columns.segments * columns.width),
                                    wide(stats, columns.segments), gradient_, gradientOf(norm.weight));
    };
    apply(block.queryNorm, queryColumns(), keep.rawQueries, keep.queryStatistics);
    apply(block.keyNorm, keyColumns(), keep.rawKeys, keep.keyStatistics);
}

at::Tensor BlockPass::branchOutputGradient(const Norm& postNorm, const at::Tensor& dx, Buffer& raw, Buffer& stats) {
    if (!postNorm.defined())
        return narrowed(dx, config.residualMultiplier);
    const at::Tensor dNormed = narrowed(dx, config.residualMultiplier), out = wide(raw, config.hiddenSize);
    normParameterGradients(postNorm, dNormed, out, statistics(stats));
    const at::Tensor dOut = wide(branchGradient, config.hiddenSize);
    dOut.zero_();
    normBackward(postNorm, dNormed, out, statistics(stats), dOut);
    return narrowed(dOut, 1.0);
}

std::int64_t BlockPass::lowestTrained() const {
    if (model.embedding.trained || model.positions.trained || model.promptTokens() > 0 || model.tokenRows)
        return -1;
    for (std::size_t i = 0; i < model.blocks.size(); ++i) {
        const attune::Block& block = model.blocks[i];
        const bool stages[Stages] = {trained(block.attentionNorm),
                                     passes[i].qkv.trained(context) || trained(block.queryNorm) ||
                                         trained(block.keyNorm),
                                     passes[i].attentionOut.trained(context) || trained(block.attentionPostNorm),
                                     trained(block.mlpNorm),
                                     passes[i].upTrained(context),
                                     passes[i].downTrained(context) || trained(block.mlpPostNorm)};
        for (std::int64_t stage = 0; stage < Stages; ++stage)
            if (stages[stage])
                return static_cast<std::int64_t>(i) * Stages + stage;
    }
    return static_cast<std::int64_t>(model.blocks.size()) * Stages;
}

at::Tensor BlockPass::narrowed(const at::Tensor& dx, double scale) {
    const PartTimer timer(times, "residual");
    if (type == master && scale == 1.0)
        return dx;
    const at::Tensor dy = compute(narrowGradient, config.hiddenSize);
    if (scale == 1.0)
        kernels::narrowTo(dx, dy);
    else
        kernels::narrowRows(dx, dy, scale);
    return dy;
}

void BlockPass::balanceExperts() {
    const auto size = static_cast<std::size_t>(config.experts);
    balance.assign(routerLossWeight != 0 ? size : 0, 0.0);
    if (balance.empty() || model.blocks.empty())
        return;
    const double all = static_cast<double>(count) * static_cast<double>(model.blocks.size());
    double loss = 0;
    for (std::size_t e = 0; e < size; ++e) {
        loss += chosenSums[e] / all * (probabilitySums[e] / all);
        balance[e] = routerLossWeight * static_cast<double>(size) * chosenSums[e] / (all * all);
    }
    routerLossSum += routerLossWeight * static_cast<double>(size) * loss;
}

void BlockPass::backwardExperts(std::size_t index, const at::Tensor& dx, std::int64_t lowest) {
    const attune::Block& block = model.blocks[index];
    const BlockPasses& pass = passes[index];
    BlockBuffers& keep = keptOf(index);
    const std::int64_t first = static_cast<std::int64_t>(index) * Stages;
    const at::Tensor middle = wide(keep.residualMid, config.hiddenSize), stats = statistics(keep.statistics2);
    const at::Tensor dy = narrowed(dx, 1.0);
    const at::Tensor in = compute(input, pass.experts.router.inputWidth()), dIn = compute(dInput, pass.experts.router.inputWidth());
    const bool belowUp = lowest < first + GateUp;
    experts.backward(expertBatch(), pass.experts, keep.experts, context, dy, {lowest < first + Down, belowUp}, balance, in, dIn,
                     [&] { normForward(block.mlpNorm, middle, in.narrow(1, 0, config.hiddenSize), stats); });
    if (!belowUp)
        return;
    const at::Tensor dNormed = dIn.narrow(1, 0, config.hiddenSize);
    normParameterGradients(block.mlpNorm, dNormed, middle, stats);
    if (lowest < first + MlpNorm)
        normBackward(block.mlpNorm, dNormed, middle, stats, dx);
}

void BlockPass::backwardMlp(std::size_t index, const at::Tensor& dSum, const at::Tensor& dx, std::int64_t lowest) {
    const attune::Block& block = model.blocks[index];
    if (!block.experts.empty())
        return backwardExperts(index, dx, lowest);
    const BlockPasses& pass = passes[index];
    BlockBuffers& keep = keptOf(index);
    const std::int64_t first = static_cast<std::int64_t>(index) * Stages;
    const at::Tensor dy = branchOutputGradient(block.mlpPostNorm, dSum, keep.mlpRaw, keep.statistics4);
    const at::Tensor gateUp = compute(keep.gateUp, block.gateUp.outFeatures());
    const at::Tensor hidden = compute(inner, pass.down.inputWidth());
    const at::Tensor dHidden = compute(dInner, pass.down.inputWidth());
    const at::Tensor activated = hidden.narrow(1, 0, config.intermediateSize);
    const bool below = lowest < first + Down;
    pass.down.inputGradient(context, dy, dHidden, below);
    {
        const PartTimer timer(times, "activation");
        if (below)
            kernels::activationBackward(config.activation, config.gatedMlp, gateUp, activated,
                                        dHidden.narrow(1, 0, config.intermediateSize));
        else
            kernels::activationForward(config.activation, config.gatedMlp, gateUp, activated);
    }
    pass.down.parameterGradients(context, dy, hidden, dHidden, keptColumns(keep.keptDown, pass.down));
    if (!below)
        return;

    const at::Tensor in = compute(input, pass.gateUp.inputWidth());
    const at::Tensor dIn = compute(dInput, pass.gateUp.inputWidth());
    const Norm& norm = block.mlpInputNorm(config.layout);
    const at::Tensor middle = parallel() ? residualAt(index) : wide(keep.residualMid, config.hiddenSize);
    const at::Tensor stats = statistics(keep.statistics2);
    const bool belowUp = lowest < first + GateUp;
    pass.gateUp.inputGradient(context, gateUp, dIn, belowUp);
    if (pass.gateUp.trained(context)) {
        normForward(norm, middle, in.narrow(1, 0, config.hiddenSize), stats);
        pass.gateUp.parameterGradients(context, gateUp, in, dIn, keptColumns(keep.keptUp, pass.gateUp));
    }
    if (!belowUp)
        return;
    const at::Tensor dNormed = dIn.narrow(1, 0, config.hiddenSize);
    normParameterGradients(norm, dNormed, middle, stats);
    if (lowest < first + (parallel() ? AttentionNorm : MlpNorm))
        normBackward(norm, dNormed, middle, stats, dx);
}

void BlockPass::backwardAttention(std::size_t index, const at::Tensor& dx, std::int64_t lowest) {
    const attune::Block& block = model.blocks[index];
    const BlockPasses& pass = passes[index];
    BlockBuffers& keep = keptOf(index);
    const std::int64_t first = static_cast<std::int64_t>(index) * Stages;
    const at::Tensor dy = branchOutputGradient(block.attentionPostNorm, dx, keep.attentionRaw, keep.statistics3);
    const at::Tensor attention = compute(keep.attention, pass.attentionOut.inputWidth());
    const at::Tensor dAttention = compute(dInput, pass.attentionOut.inputWidth());
    const bool below = lowest < first + AttentionOut;
    pass.attentionOut.inputGradient(context, dy, dAttention, below);
    pass.attentionOut.parameterGradients(context, dy, attention, dAttention,
                                         keptColumns(keep.keptOut, pass.attentionOut));
    if (!below)
        return;
    const at::Tensor queryGradient = queryLike(dq), keyGradient = keyLike(dk, master),
                     valueGradient = keyLike(dv, master);
    {
        const PartTimer timer(times, "attention");
        kernels::attentionBackward(layoutOf(index), queryLike(keep.q), keyLike(keep.k, type), keyLike(keep.v, type),
                                   attention, dAttention, keep.logSumExp.get(tokens, config.heads, master, device),
                                   queryGradient, keyGradient, valueGradient, attentionScratch);
    }
    const at::Tensor joined = compute(qkv, block.qkv.outFeatures());
    {
        const PartTimer timer(times, "rotation");
        kernels::mergeHeads(queryGradient, keyGradient, valueGradient, rotationOf(index), config.attentionScale(),
                            joined);
    }
    if (config.qkNorm != QkNorm::None)
        qkNormBackward(block, keep, joined);
    const at::Tensor in = compute(input, pass.qkv.inputWidth()), dIn = compute(dInput, pass.qkv.inputWidth());
    const at::Tensor x = residualAt(index), stats = statistics(keep.statistics1);
    const bool belowQkv = lowest < first + Qkv;
    pass.qkv.inputGradient(context, joined, dIn, belowQkv);
    if (pass.qkv.trained(context)) {
        normForward(block.attentionNorm, x, in.narrow(1, 0, config.hiddenSize), stats);
        pass.qkv.parameterGradients(context, joined, in, dIn, keptColumns(keep.keptQkv, pass.qkv));
    }
    if (!belowQkv)
        return;
    const at::Tensor dNormed = dIn.narrow(1, 0, config.hiddenSize);
    normParameterGradients(block.attentionNorm, dNormed, x, stats);
    if (lowest < first + AttentionNorm)
        normBackward(block.attentionNorm, dNormed, x, stats, dx);
}

void BlockPass::backward() {
    const std::int64_t lowest = lowestTrained();
    const at::Tensor dx = wide(gradient, config.hiddenSize);
    balanceExperts();
    for (std::size_t index = model.blocks.size(); index-- > 0;) {
        const std::int64_t first = static_cast<std::int64_t>(index) * Stages;
        if (lowest >= first + Stages)
            break;
        if (recompute && index + 1 < model.blocks.size()) // the last block's buffers are still its own
            forwardBlock(index, residualAt(index), {});
        if (parallel()) { // both branches' outputs have the gradient of their sum
            const at::Tensor dMlp = wide(branchGradient, config.hiddenSize);
            dMlp.zero_();
            backwardMlp(index, dx, dMlp, lowest);
            backwardAttention(index, dx, lowest);
            at::Tensor(dx).add_(dMlp);
            continue;
        }
        backwardMlp(index, dx, dx, lowest);
        if (lowest >= first + MlpNorm)
            break;
        backwardAttention(index, dx, lowest);
    }
    const PartTimer timer(times, "embedding");
    if (config.embeddingMultiplier != 1.0 && (model.embedding.trained || virtualRows.numel() > 0 || model.tokenRows))
        at::Tensor(dx).mul_(config.embeddingMultiplier);
    if (model.embedding.trained)
        kernels::addRowsAt(ids, dx, model.embedding.trained->grad);
    if (model.positions.trained)
        kernels::addRowsAt(positionIds, dx, model.positions.trained->grad);
    if (model.tokenRows) {
        const at::Tensor places = model.tokenRows->place.index_select(0, ids), found = places.ge(0).nonzero().flatten();
        model.tokenRows->values.grad.index_add_(0, places.index_select(0, found), dx.index_select(0, found));
    }
    if (virtualRows.numel() > 0)
        model.prompt->embeddings.grad.index_add_(0, virtualIndices, dx.index_select(0, virtualRows));
    state = State::Empty;
}

} // namespace attune
