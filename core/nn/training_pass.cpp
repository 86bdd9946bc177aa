#include "core/nn/training_pass.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/nn/head_pass.h"
#include "core/nn/kernels/attention.h"
#include "core/nn/kernels/ops.h"
#include "core/nn/kernels/qk_norm.h"
#include "core/nn/linear_pass.h"
#include "core/nn/pass_batch.h"
#include "core/nn/pass_buffers.h"

namespace attune {

namespace {

std::uint64_t mixed(std::uint64_t x) { // splitmix64
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

// Libraries throw; here their exceptions become values.
template <class F>
auto guarded(F&& f) -> decltype(f()) {
    try {
        return f();
    } catch (const std::bad_alloc&) {
        return fail(ErrorCode::OutOfMemory, "Not enough memory for this batch.",
                    "Use fewer tokens per micro-batch or a smaller model.");
    } catch (const std::exception& exception) {
        const std::string what = exception.what();
        const bool memory = what.find("memory") != std::string::npos;
        return fail(memory ? ErrorCode::OutOfMemory : ErrorCode::Internal, "The training pass failed: " + what,
                    memory ? "Use fewer tokens per micro-batch or a smaller model." : "");
    }
}

} // namespace

struct TrainingPass::Impl : PassBatch {
    // Kept per block from forward to backward. Norm outputs and the activation's output are computed again.
    struct BlockBuffers {
        Buffer residualIn, residualMid, statistics1, statistics2, q, k, v, logSumExp, attention, gateUp;
        Buffer keptQkv, keptOut, keptUp, keptDown;
        // Of norms that only some families have: queries and keys before theirs, the branches' outputs before theirs.
        Buffer rawQueries, rawKeys, queryStatistics, keyStatistics, attentionRaw, mlpRaw, statistics3, statistics4;

        std::vector<Buffer*> all() {
            return {&residualIn,    &residualMid, &statistics1, &statistics2, &q,
                    &k,             &v,           &logSumExp,   &attention,   &gateUp,
                    &keptQkv,       &keptOut,     &keptUp,      &keptDown,    &rawQueries,
                    &rawKeys,       &queryStatistics, &keyStatistics, &attentionRaw, &mlpRaw,
                    &statistics3,   &statistics4};
        }
    };

    struct BlockPasses {
        LinearPass qkv, attentionOut, gateUp, down;
    };

    explicit Impl(CausalLm& model_)
        : model(model_), config(model_.config()), type(model_.settings().dtype), master(model_.masterType()),
          device(model_.settings().device), head(model_) {
        std::uint64_t part = 0;
        for (attune::Block& block : model.blocks) {
            const std::uint64_t qkv = part, out = qkv + block.qkv.parts.size(), up = out + 1,
                                down = up + block.gateUp.parts.size();
            passes.push_back({LinearPass(block.qkv, qkv), LinearPass(block.attentionOut, out),
                              LinearPass(block.gateUp, up), LinearPass(block.down, down)});
            part = down + 1;
        }
        kept.resize(std::max<std::size_t>(1, model.blocks.size())); // the embedding is kept even where no block follows
    }

    CausalLm& model;
    const ModelConfig& config;
    const at::ScalarType type, master;
    const at::Device device;
    std::vector<BlockPasses> passes;
    std::vector<BlockBuffers> kept;
    LinearContext context;

    // Shared by all blocks.
    Buffer input, dInput, qkv, inner, dInner, narrowGradient, dq, dk, dv, residualOut, gradient;
    Buffer branch, branchGradient; // a branch's output before it is added; its gradient, or a parallel branch's
    HeadPass head;
    kernels::AttentionScratch attentionScratch;

    enum class State { Empty, Evaluated, Forwarded, GradientSet } state = State::Empty;
    ActivationPolicy policy = ActivationPolicy::Keep;
    bool recompute = false; // the policy of the batch in work
    double temperature = 1; // of the batch in work
    std::map<std::string, double>* times = nullptr;

    std::vector<Buffer*> buffers() {
        std::vector<Buffer*> all = head.buffers();
        for (Buffer* buffer : {&input, &dInput, &qkv, &inner, &dInner, &narrowGradient, &dq, &dk, &dv, &residualOut,
                               &gradient, &context.scratch, &context.unpacked, &context.outputs, &context.outputGradient})
            all.push_back(buffer);
        all.push_back(&branch), all.push_back(&branchGradient);
        for (BlockBuffers& block : kept)
            for (Buffer* buffer : block.all())
                all.push_back(buffer);
        return all;
    }

    at::Tensor compute(Buffer& buffer, std::int64_t columns) { return buffer.get(tokens, columns, type, device); }
    at::Tensor wide(Buffer& buffer, std::int64_t columns) { return buffer.get(tokens, columns, master, device); }
    at::Tensor statistics(Buffer& buffer) { return buffer.get(2, tokens, master, device); }
    at::Tensor queryLike(Buffer& buffer) {
        return compute(buffer, config.queryWidth())
            .view({config.kvHeads, tokens, config.heads / config.kvHeads, config.headDim});
    }
    at::Tensor keyLike(Buffer& buffer, at::ScalarType elements) {
        return buffer.get(tokens, config.kvWidth(), elements, device).view({config.kvHeads, tokens, config.headDim});
    }
    kernels::NormArguments arguments(const Norm& norm) const {
        return {config.norm, config.normEpsilon, norm.weight.compute, norm.bias.compute};
    }
    kernels::QkNormColumns queryColumns() const {
        const std::int64_t segments = config.qkNorm == QkNorm::Head ? config.heads : 1;
        return {0, segments, config.queryWidth() / segments};
    }
    kernels::QkNormColumns keyColumns() const {
        const std::int64_t segments = config.qkNorm == QkNorm::Head ? config.kvHeads : 1;
        return {config.queryWidth(), segments, config.kvWidth() / segments};
    }
    bool parallel() const { return config.layout != BlockLayout::Sequential; }
    const kernels::AttentionLayout& layoutOf(std::size_t layer) const {
        return config.isLocal(static_cast<std::int64_t>(layer)) ? localLayout : layout;
    }
    const kernels::Rotation& rotationOf(std::size_t layer) const {
        return config.localRope && config.isLocal(static_cast<std::int64_t>(layer)) ? localRotation : rotation;
    }
    static at::Tensor gradientOf(const Weight& weight) { return weight.trained ? weight.trained->grad : at::Tensor(); }
    static bool trained(const Norm& norm) { return norm.weight.trained || norm.bias.trained; }

    // Without a norm the branch reads the residuals themselves.
    void normForward(const Norm& norm, const at::Tensor& x, const at::Tensor& y, const at::Tensor& statistics_) const {
        const PartTimer timer(times, "norms");
        if (norm.defined())
            kernels::normForward(arguments(norm), x, y, statistics_);
        else
            kernels::narrowRows(x, y);
    }
    void normParameterGradients(const Norm& norm, const at::Tensor& dy, const at::Tensor& x,
                                const at::Tensor& statistics_) const {
        const PartTimer timer(times, "norms");
        if (trained(norm))
            kernels::normParameterGradients(arguments(norm), dy, x, statistics_, gradientOf(norm.weight),
                                            gradientOf(norm.bias));
    }
    void normBackward(const Norm& norm, const at::Tensor& dy, const at::Tensor& x, const at::Tensor& statistics_,
                      const at::Tensor& dx) const {
        const PartTimer timer(times, "norms");
        if (norm.defined())
            kernels::normBackward(arguments(norm), dy, x, statistics_, dx);
        else
            at::Tensor(dx).add_(dy);
    }

    void qkNormForward(const attune::Block& block, BlockBuffers& keep, const at::Tensor& joined) {
        const PartTimer timer(times, "norms");
        const auto apply = [&](const Norm& norm, const kernels::QkNormColumns& columns, Buffer& raw, Buffer& stats) {
            if (norm.defined())
                kernels::qkNormForward(columns, norm.weight.compute, config.normEpsilon, joined,
                                       compute(raw, columns.segments * columns.width), wide(stats, columns.segments));
        };
        apply(block.queryNorm, queryColumns(), keep.rawQueries, keep.queryStatistics);
        apply(block.keyNorm, keyColumns(), keep.rawKeys, keep.keyStatistics);
    }
    void qkNormBackward(const attune::Block& block, BlockBuffers& keep, const at::Tensor& gradient_) {
        const PartTimer timer(times, "norms");
        const auto apply = [&](const Norm& norm, const kernels::QkNormColumns& columns, Buffer& raw, Buffer& stats) {
            if (norm.defined())
                kernels::qkNormBackward(columns, norm.weight.compute, compute(raw, columns.segments * columns.width),
                                        wide(stats, columns.segments), gradient_, gradientOf(norm.weight));
        };
        apply(block.queryNorm, queryColumns(), keep.rawQueries, keep.queryStatistics);
        apply(block.keyNorm, keyColumns(), keep.rawKeys, keep.keyStatistics);
    }

    // sum = x + multiplier * postNorm(layer(in)); in Llama's shape one product without a detour.
    void addBranch(const LinearPass& layer, const Norm& postNorm, const at::Tensor& in, const at::Tensor& x,
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

    // dx of the sum -> the gradient of the layer's output, in the compute type.
    at::Tensor branchOutputGradient(const Norm& postNorm, const at::Tensor& dx, Buffer& raw, Buffer& stats) {
        if (!postNorm.defined())
            return narrowed(dx, config.residualMultiplier);
        const at::Tensor dNormed = narrowed(dx, config.residualMultiplier), out = wide(raw, config.hiddenSize);
        normParameterGradients(postNorm, dNormed, out, statistics(stats));
        const at::Tensor dOut = wide(branchGradient, config.hiddenSize);
        dOut.zero_();
        normBackward(postNorm, dNormed, out, statistics(stats), dOut);
        return narrowed(dOut, 1.0);
    }

    void takeBatch(const PackedTokens& batch, const ForwardOptions& options) {
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

    BlockBuffers& keptOf(std::size_t block) { return kept[state == State::Evaluated || recompute ? 0 : block]; }

    // `next` undefined: the block is computed again for its backward, which does not need its output.
    void forwardBlock(std::size_t index, const at::Tensor& x, const at::Tensor& next) {
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

    // With nothing kept all blocks share one set of buffers, and the two residual buffers take turns.
    at::Tensor residualAt(std::size_t index) {
        if (state == State::Evaluated)
            return wide(index % 2 == 0 ? kept[0].residualIn : residualOut, config.hiddenSize);
        return wide(index < kept.size() ? kept[index].residualIn : residualOut, config.hiddenSize);
    }

    void forward(const PackedTokens& batch, const ForwardOptions& options) {
        state = State::Empty;
        takeBatch(batch, options);
        state = options.keepForBackward ? State::Forwarded : State::Evaluated;
        recompute = policy == ActivationPolicy::Recompute;
        temperature = options.temperature;
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
        for (std::size_t index = 0; index < model.blocks.size(); ++index) {
            forwardBlock(index, residualAt(index), residualAt(index + 1));
            if (options.keysAndValues)
                options.keysAndValues(index, keyLike(keptOf(index).k, type), keyLike(keptOf(index).v, type));
        }
    }

    // The virtual tokens' vectors in place of the embeddings of id 0, with the same positions.
    void embedPrompt(at::Tensor x) {
        at::Tensor vectors = model.prompt->embeddings.value.index_select(0, virtualIndices);
        if (model.positions.defined())
            vectors.add_(model.positions.compute.index_select(0, positionIds.index_select(0, virtualRows)));
        x.index_copy_(0, virtualRows, vectors);
    }

    at::Tensor headSweep(HeadPass::Sweep wanted, at::Tensor* likeliest = nullptr) {
        wanted.temperature = temperature;
        const at::Tensor dx = wanted.weights.defined() ? wide(gradient, config.hiddenSize) : at::Tensor();
        const at::Tensor logProbs = head.sweep(*this, residualAt(model.blocks.size()), wanted, dx, times, likeliest);
        if (wanted.weights.defined())
            state = State::GradientSet;
        return logProbs;
    }
    // A number per target, on the device in the master type. Errors: InvalidArgument.
    Result<at::Tensor> perTarget(const at::Tensor& numbers, const char* what) const {
        if (numbers.dim() != 1 || numbers.size(0) != targets.size(0))
            return fail(ErrorCode::InvalidArgument, std::string("One ") + what + " per target is needed: " + std::to_string(targets.size(0)) +
                                                        " targets, " + std::to_string(numbers.numel()) + " given.");
        return numbers.to(device, master).contiguous();
    }

    at::Tensor scoreSweep(const at::Tensor& scoreGradient) {
        const at::Tensor dx = scoreGradient.defined() ? wide(gradient, config.hiddenSize) : at::Tensor();
        const at::Tensor scores = head.scores(*this, residualAt(model.blocks.size()), scoreGradient, dx, times);
        if (scoreGradient.defined())
            state = State::GradientSet;
        return scores;
    }

    // Where gradients end: blocks count six stages each, the embedding lies below them all.
    enum Stage { AttentionNorm, Qkv, AttentionOut, MlpNorm, GateUp, Down, Stages };
    std::int64_t lowestTrained() const {
        if (model.embedding.trained || model.positions.trained || model.promptTokens() > 0)
            return -1;
        for (std::size_t i = 0; i < model.blocks.size(); ++i) {
            const attune::Block& block = model.blocks[i];
            const bool stages[Stages] = {trained(block.attentionNorm),
                                         passes[i].qkv.trained(context) || trained(block.queryNorm) ||
                                             trained(block.keyNorm),
                                         passes[i].attentionOut.trained(context) || trained(block.attentionPostNorm),
                                         trained(block.mlpNorm),
                                         passes[i].gateUp.trained(context),
                                         passes[i].down.trained(context) || trained(block.mlpPostNorm)};
            for (std::int64_t stage = 0; stage < Stages; ++stage)
                if (stages[stage])
                    return static_cast<std::int64_t>(i) * Stages + stage;
        }
        return static_cast<std::int64_t>(model.blocks.size()) * Stages;
    }

    at::Tensor narrowed(const at::Tensor& dx, double scale) {
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

    // dSum: the gradient of the block's output. The gradient of the MLP's input is added to dx: the same tensor, but for
    // parallel branches.
    void backwardMlp(std::size_t index, const at::Tensor& dSum, const at::Tensor& dx, std::int64_t lowest) {
        const attune::Block& block = model.blocks[index];
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

    void backwardAttention(std::size_t index, const at::Tensor& dx, std::int64_t lowest) {
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

    at::Tensor keptColumns(Buffer& buffer, const LinearPass& linear) {
        return linear.keptWidth() > 0 ? compute(buffer, linear.keptWidth()) : at::Tensor();
    }

    void backward() {
        const std::int64_t lowest = lowestTrained();
        const at::Tensor dx = wide(gradient, config.hiddenSize);
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
        if (config.embeddingMultiplier != 1.0 && (model.embedding.trained || virtualRows.numel() > 0))
            at::Tensor(dx).mul_(config.embeddingMultiplier);
        if (model.embedding.trained)
            kernels::addRowsAt(ids, dx, model.embedding.trained->grad);
        if (model.positions.trained)
            kernels::addRowsAt(positionIds, dx, model.positions.trained->grad);
        if (virtualRows.numel() > 0)
            model.prompt->embeddings.grad.index_add_(0, virtualIndices, dx.index_select(0, virtualRows));
        state = State::Empty;
    }

    Status needs(bool ok, const char* what) const {
        if (!ok)
            return fail(ErrorCode::Internal, std::string("A training pass was used out of order: ") + what + ".");
        return {};
    }
};

TrainingPass::TrainingPass(CausalLm& model) : m_impl(std::make_unique<Impl>(model)) {}
TrainingPass::~TrainingPass() = default;

Status TrainingPass::forward(const PackedTokens& batch, const ForwardOptions& options) {
    m_impl->state = Impl::State::Empty;
    const std::int64_t promptTokens = m_impl->model.promptTokens();
    ATTUNE_CHECK(checkBatch(batch, m_impl->config, batch.promptIncluded ? promptTokens : 0));
    if (promptTokens > 0 && !batch.promptIncluded)
        return forward(withPrompt(batch, promptTokens), options);
    if (batch.firstRowIsPrefix && options.keepForBackward)
        return fail(ErrorCode::InvalidArgument, "Rows with a common prefix cannot be trained on.");
    return guarded([&]() -> Status {
        at::NoGradGuard noGrad;
        m_impl->forward(batch, options);
        return {};
    });
}

Result<at::Tensor> TrainingPass::hidden() {
    ATTUNE_CHECK(m_impl->needs(m_impl->state == Impl::State::Forwarded || m_impl->state == Impl::State::Evaluated,
                               "hidden states before forward"));
    return m_impl->residualAt(m_impl->model.blocks.size());
}

Result<at::Tensor> TrainingPass::targetLogProbs() {
    ATTUNE_CHECK(m_impl->needs(m_impl->state != Impl::State::Empty, "log-probabilities before forward"));
    return guarded([&]() -> Result<at::Tensor> {
        at::NoGradGuard noGrad;
        return m_impl->headSweep({});
    });
}

Result<TrainingPass::TargetScores> TrainingPass::targetScores() {
    ATTUNE_CHECK(m_impl->needs(m_impl->state != Impl::State::Empty, "log-probabilities before forward"));
    return guarded([&]() -> Result<TargetScores> {
        at::NoGradGuard noGrad;
        TargetScores scores;
        scores.logProbs = m_impl->headSweep({}, &scores.likeliest);
        return scores;
    });
}

Result<at::Tensor> TrainingPass::targetLogProbsWithGradient(const at::Tensor& weights, bool timesProbability) {
    ATTUNE_CHECK(m_impl->needs(m_impl->state == Impl::State::Forwarded, "a gradient before forward"));
    return guarded([&]() -> Result<at::Tensor> {
        at::NoGradGuard noGrad;
        ATTUNE_ASSIGN(at::Tensor given, m_impl->perTarget(weights, "weight"));
        return m_impl->headSweep({.weights = std::move(given), .timesProbability = timesProbability});
    });
}

Status TrainingPass::setLogProbGradient(const at::Tensor& gradient) {
    ATTUNE_CHECK(targetLogProbsWithGradient(-gradient));
    return {};
}

Result<at::Tensor> TrainingPass::targetValues() {
    ATTUNE_CHECK(m_impl->needs(m_impl->state != Impl::State::Empty && m_impl->model.valueHead,
                               "values before forward or without a value head"));
    return guarded([&]() -> Result<at::Tensor> {
        at::NoGradGuard noGrad;
        return m_impl->head.values(*m_impl, m_impl->residualAt(m_impl->model.blocks.size()));
    });
}

Status TrainingPass::setLogProbAndValueGradient(const at::Tensor& gradient, const at::Tensor& valueGradient) {
    ATTUNE_CHECK(m_impl->needs(m_impl->state == Impl::State::Forwarded && m_impl->model.valueHead,
                               "a gradient before forward or without a value head"));
    return guarded([&]() -> Status {
        at::NoGradGuard noGrad;
        ATTUNE_ASSIGN(const at::Tensor weights, m_impl->perTarget(-gradient, "gradient"));
        ATTUNE_ASSIGN(const at::Tensor ofValues, m_impl->perTarget(valueGradient, "gradient of a value"));
        m_impl->headSweep({.weights = weights, .valueGradient = ofValues});
        return {};
    });
}

Result<at::Tensor> TrainingPass::rowScores() {
    ATTUNE_CHECK(m_impl->needs(m_impl->state != Impl::State::Empty && m_impl->model.scoreHead,
                               "scores before forward or without a score head"));
    return guarded([&]() -> Result<at::Tensor> {
        at::NoGradGuard noGrad;
        return m_impl->scoreSweep({});
    });
}

Status TrainingPass::setScoreGradient(const at::Tensor& gradient) {
    ATTUNE_CHECK(m_impl->needs(m_impl->state == Impl::State::Forwarded && m_impl->model.scoreHead,
                               "a gradient before forward or without a score head"));
    const auto rows = static_cast<std::int64_t>(m_impl->layout.rowStarts.size()) - 1;
    if (gradient.dim() != 1 || gradient.size(0) != rows)
        return fail(ErrorCode::InvalidArgument, "One gradient per row is needed: " + std::to_string(rows) + " rows, " +
                                                    std::to_string(gradient.numel()) + " gradients.");
    return guarded([&]() -> Status {
        at::NoGradGuard noGrad;
        m_impl->scoreSweep(gradient.to(m_impl->device, m_impl->master).contiguous());
        return {};
    });
}

Status TrainingPass::backward() {
    ATTUNE_CHECK(m_impl->needs(m_impl->state == Impl::State::GradientSet, "backward without a gradient"));
    return guarded([&]() -> Status {
        at::NoGradGuard noGrad;
        m_impl->backward();
        return {};
    });
}

void TrainingPass::setActivationPolicy(ActivationPolicy policy) {
    m_impl->policy = policy;
}

void TrainingPass::releaseBuffers() {
    for (Buffer* buffer : m_impl->buffers())
        buffer->release();
    m_impl->attentionScratch = {};
    m_impl->state = Impl::State::Empty;
}

std::int64_t TrainingPass::bufferBytes() const {
    std::int64_t bytes = 0;
    for (const Buffer* buffer : m_impl->buffers())
        bytes += buffer->bytes();
    return bytes + attentionScratchBytes();
}

std::int64_t TrainingPass::attentionScratchBytes() const {
    std::int64_t bytes = 0;
    for (const at::Tensor& scratch : {m_impl->attentionScratch.bytes, m_impl->attentionScratch.slots})
        if (scratch.defined())
            bytes += scratch.numel() * static_cast<std::int64_t>(scratch.element_size());
    return bytes;
}

void TrainingPass::collectTimes(std::map<std::string, double>* times) {
    m_impl->times = times;
}

} // namespace attune
