// BlockPass, forward: embedding, blocks, head.
#include <algorithm>

#include "core/nn/block_pass.h"

namespace attune {

namespace {

std::uint64_t mixed(std::uint64_t x) { // splitmix64
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

} // namespace

std::vector<Buffer*> BlockPass::buffers() {
    std::vector<Buffer*> all = head.buffers();
    for (Buffer* buffer : {&input, &dInput, &qkv, &inner, &dInner, &narrowGradient, &dq, &dk, &dv, &residualOut,
                           &gradient, &context.scratch, &context.unpacked, &context.outputs, &context.outputGradient})
        all.push_back(buffer);
    all.push_back(&branch), all.push_back(&branchGradient);
    for (Buffer* buffer : experts.buffers())
        all.push_back(buffer);
    for (BlockBuffers& block : kept)
        for (Buffer* buffer : block.all())
            all.push_back(buffer);
    return all;
}

void BlockPass::normForward(const Norm& norm, const at::Tensor& x, const at::Tensor& y, const at::Tensor& statistics_) const {
    const PartTimer timer(times, "norms");
    if (norm.defined())
        kernels::normForward(arguments(norm), x, y, statistics_);
    else
        kernels::narrowRows(x, y);
}

void BlockPass::qkNormForward(const attune::Block& block, BlockBuffers& keep, const at::Tensor& joined) {
    const PartTimer timer(times, "norms");
    const auto apply = [&](const Norm& norm, const kernels::QkNormColumns& columns, Buffer& raw, Buffer& stats) {
        if (norm.defined())
            kernels::qkNormForward(columns, norm.weight.compute, config.normEpsilon, joined,
                                   compute(raw, columns.segments * columns.width), wide(stats, columns.segments));
    };
    apply(block.queryNorm, queryColumns(), keep.rawQueries, keep.queryStatistics);
    apply(block.keyNorm, keyColumns(), keep.rawKeys, keep.keyStatistics);
}

void BlockPass::addBranch(const LinearPass& layer, const Norm& postNorm, const at::Tensor& in, const at::Tensor& x,
               const at::Tensor& sum, const at::Tensor& keptColumns_, Buffer& raw, Buffer& stats) {
    if (!postNorm.defined() && config.residualMultiplier == 1.0)
        return layer.forward(context, in, sum, x, keptColumns_);
    at::Tensor out = wide(postNorm.defined() ? raw : branch, config.hiddenSize);
    layer.forward(context, in, out, {}, keptColumns_);
    if (postNorm.defined()) {
        const at::Tensor normed = compute(branch, config.hiddenSize);
        normForward(postNorm, out, normed, statistics(stats));
        out = normed;
    }
    const PartTimer timer(times, "residual");
    at::Tensor target = sum;
    at::add_out(target, x, out, config.residualMultiplier);
}

void BlockPass::takeBatch(const PackedTokens& batch, const ForwardOptions& options) {
    take(batch, config, master, device);
    context.type = type;
    context.adapters = model.adaptersEnabled();
    context.times = times;
    context.dropout = false;
    if (options.training && context.adapters)
        for (const LinearPart* part : model.linearParts())
            context.dropout |= part->lora && part->lora->dropout > 0.0;
    context.dropoutKey = mixed(options.dropoutSeed ^ mixed(options.step));
    context.dropoutStream = (std::uint64_t{options.microBatch} << 32) + (std::uint64_t{0x4c4f} << 16); // "LO"
}

void BlockPass::forwardBlock(std::size_t index, const at::Tensor& x, const at::Tensor& next) {
    const attune::Block& block = model.blocks[index];
    const BlockPasses& pass = passes[index];
    BlockBuffers& keep = keptOf(index);
    const bool keeping = state != State::Evaluated;
    const auto keptColumns = [&](Buffer& buffer, const LinearPass& linear) {
        return keeping && linear.keptWidth() > 0 ? compute(buffer, linear.keptWidth()) : at::Tensor();
    };

    at::Tensor in = compute(input, pass.qkv.inputWidth());
    normForward(block.attentionNorm, x, in.narrow(1, 0, config.hiddenSize), statistics(keep.statistics1));
    const at::Tensor joined = compute(qkv, block.qkv.outFeatures());
    pass.qkv.forward(context, in, joined, {}, keptColumns(keep.keptQkv, pass.qkv));
    if (config.qkNorm != QkNorm::None)
        qkNormForward(block, keep, joined);
    const at::Tensor q = queryLike(keep.q), k = keyLike(keep.k, type), v = keyLike(keep.v, type);
    const at::Tensor attention = compute(keep.attention, pass.attentionOut.inputWidth());
    {
        const PartTimer timer(times, "rotation");
        kernels::splitHeads(joined, rotationOf(index), config.attentionScale(), q, k, v);
    }
    {
        const PartTimer timer(times, "attention");
        kernels::attentionForward(layoutOf(index), q, k, v, attention,
                                  keep.logSumExp.get(tokens, config.heads, master, device), attentionScratch);
        if (count < tokens) // rows of padding take part in the products
            attention.narrow(0, count, tokens - count).zero_();
    }
    const at::Tensor middle = wide(keep.residualMid, config.hiddenSize);
    addBranch(pass.attentionOut, block.attentionPostNorm, attention, x, middle,
              keptColumns(keep.keptOut, pass.attentionOut), keep.attentionRaw, keep.statistics3);

    if (!block.experts.empty()) {
        in = compute(input, pass.experts.router.inputWidth());
        normForward(block.mlpNorm, middle, in.narrow(1, 0, config.hiddenSize), statistics(keep.statistics2));
        return experts.forward(expertBatch(), pass.experts, keep.experts, context, in, middle, next, keeping);
    }
    in = compute(input, pass.gateUp.inputWidth());
    normForward(block.mlpInputNorm(config.layout), parallel() ? x : middle, in.narrow(1, 0, config.hiddenSize),
                statistics(keep.statistics2));
    const at::Tensor gateUp = compute(keep.gateUp, block.gateUp.outFeatures());
    pass.gateUp.forward(context, in, gateUp, {}, keptColumns(keep.keptUp, pass.gateUp));
    const at::Tensor hidden = compute(inner, pass.down.inputWidth());
    {
        const PartTimer timer(times, "activation");
        kernels::activationForward(config.activation, config.gatedMlp, gateUp,
                                   hidden.narrow(1, 0, config.intermediateSize));
    }
    if (next.defined())
        return addBranch(pass.down, block.mlpPostNorm, hidden, middle, next, keptColumns(keep.keptDown, pass.down),
                         keep.mlpRaw, keep.statistics4);
    if (!block.mlpPostNorm.defined())
        return pass.down.forwardKept(context, hidden, keptColumns(keep.keptDown, pass.down));
    const at::Tensor out = wide(keep.mlpRaw, config.hiddenSize); // the norm's backward needs what went into it
    pass.down.forward(context, hidden, out, {}, keptColumns(keep.keptDown, pass.down));
    normForward(block.mlpPostNorm, out, compute(branch, config.hiddenSize), statistics(keep.statistics4));
}

at::Tensor BlockPass::residualAt(std::size_t index) {
    if (state == State::Evaluated)
        return wide(index % 2 == 0 ? kept[0].residualIn : residualOut, config.hiddenSize);
    return wide(index < kept.size() ? kept[index].residualIn : residualOut, config.hiddenSize);
}

void BlockPass::forward(const PackedTokens& batch, const ForwardOptions& options) {
    state = State::Empty;
    takeBatch(batch, options);
    state = options.keepForBackward ? State::Forwarded : State::Evaluated;
    recompute = policy == ActivationPolicy::Recompute;
    temperature = options.temperature;
    routerLossWeight = routerLossPerToken * static_cast<double>(count);
    {
        const PartTimer timer(times, "embedding");
        kernels::embed(ids, model.embedding.compute, positionIds, model.positions.compute, residualAt(0));
        if (virtualRows.numel() > 0)
            embedPrompt(residualAt(0));
        if (options.embeddingNoise > 0)
            kernels::addEmbeddingNoise(layout.rowStarts, options.embeddingNoise, context.dropoutKey,
                                       (std::uint64_t{options.microBatch} << 32) + (std::uint64_t{0x4e45} << 16), // "NE"
                                       residualAt(0));
        if (config.embeddingMultiplier != 1.0)
            residualAt(0).mul_(config.embeddingMultiplier);
    }
    context.inputs = options.layerInputs ? &options.layerInputs : nullptr;
    chosenSums.assign(static_cast<std::size_t>(config.experts), 0.0), probabilitySums = chosenSums;
    for (std::size_t index = 0; index < model.blocks.size(); ++index) {
        forwardBlock(index, residualAt(index), residualAt(index + 1));
        for (std::size_t e = 0; e < chosenSums.size(); ++e) {
            chosenSums[e] += static_cast<double>(keptOf(index).experts.tokensOf[e]);
            probabilitySums[e] += keptOf(index).experts.probabilitySums[e];
        }
        if (options.keysAndValues)
            options.keysAndValues(index, keyLike(keptOf(index).k, type), keyLike(keptOf(index).v, type));
    }
    context.inputs = nullptr;
}

void BlockPass::embedPrompt(at::Tensor x) {
    at::Tensor vectors = model.prompt->embeddings.value.index_select(0, virtualIndices);
    if (model.positions.defined())
        vectors.add_(model.positions.compute.index_select(0, positionIds.index_select(0, virtualRows)));
    x.index_copy_(0, virtualRows, vectors);
}

at::Tensor BlockPass::headSweep(HeadPass::Sweep wanted, at::Tensor* facts) {
    wanted.temperature = temperature;
    const at::Tensor dx = wanted.weights.defined() ? wide(gradient, config.hiddenSize) : at::Tensor();
    const at::Tensor logProbs = head.sweep(*this, residualAt(model.blocks.size()), wanted, dx, times, facts);
    if (wanted.weights.defined())
        state = State::GradientSet;
    return logProbs;
}

at::Tensor BlockPass::scoreSweep(const at::Tensor& scoreGradient) {
    const at::Tensor dx = scoreGradient.defined() ? wide(gradient, config.hiddenSize) : at::Tensor();
    const at::Tensor scores = head.scores(*this, residualAt(model.blocks.size()), scoreGradient, dx, times);
    if (scoreGradient.defined())
        state = State::GradientSet;
    return scores;
}

} // namespace attune
