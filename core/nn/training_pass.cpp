#include "core/nn/training_pass.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "core/nn/kernels/attention.h"
#include "core/nn/kernels/matmul.h"
#include "core/nn/kernels/ops.h"
#include "core/nn/linear_pass.h"
#include "core/nn/pass_buffers.h"
#include "core/nn/rope.h"

namespace attune {

namespace {

using kernels::multiply;

constexpr std::int64_t kRowRound = 32;                 // products see few different sizes: each new one is compiled
constexpr std::int64_t kLogitBytes = 64 * 1024 * 1024; // of one chunk of logits

std::int64_t roundUp(std::int64_t value, std::int64_t step) { return (value + step - 1) / step * step; }

std::uint64_t mixed(std::uint64_t x) { // splitmix64
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

// Kept per block from forward to backward. Norm outputs and the activation's output are computed again.
struct BlockBuffers {
    Buffer residualIn, residualMid, statistics1, statistics2, q, k, v, logSumExp, attention, gateUp;
    Buffer keptQkv, keptOut, keptUp, keptDown;

    std::vector<Buffer*> all() {
        return {&residualIn, &residualMid, &statistics1, &statistics2, &q,       &k,       &v,
                &logSumExp,  &attention,   &gateUp,      &keptQkv,     &keptOut, &keptUp,  &keptDown};
    }
};

struct BlockPasses {
    LinearPass qkv, attentionOut, gateUp, down;
};

Status checkBatch(const PackedTokens& batch, const ModelConfig& config) {
    const auto bad = [](std::string message) { return fail(ErrorCode::InvalidArgument, std::move(message)); };
    if (batch.ids.empty() || batch.targets.size() != batch.ids.size())
        return bad("A batch needs at least one token and one target per token.");
    if (batch.rowStarts.size() < 2 || batch.rowStarts.front() != 0 || batch.rowStarts.back() != batch.tokens() ||
        !std::is_sorted(batch.rowStarts.begin(), batch.rowStarts.end()))
        return bad("The rows of a batch must tile its tokens.");
    for (std::size_t i = 0; i < batch.ids.size(); ++i) {
        const auto outside = [&](std::int64_t id) { return id < 0 || id >= config.vocabularySize; };
        if (outside(batch.ids[i]) || (batch.targets[i] != -100 && outside(batch.targets[i])))
            return fail(ErrorCode::InvalidArgument,
                        "Token " + std::to_string(outside(batch.ids[i]) ? batch.ids[i] : batch.targets[i]) +
                            " at position " + std::to_string(i) + " is outside the model's vocabulary of " +
                            std::to_string(config.vocabularySize) + ".",
                        "The tokenizer does not fit the model.");
    }
    if (config.positions == PositionKind::Learned)
        for (std::size_t row = 0; row + 1 < batch.rowStarts.size(); ++row)
            if (batch.rowStarts[row + 1] - batch.rowStarts[row] > config.contextLength)
                return fail(ErrorCode::InvalidArgument,
                            "Row " + std::to_string(row) + " has " +
                                std::to_string(batch.rowStarts[row + 1] - batch.rowStarts[row]) +
                                " tokens; the model has positions for " + std::to_string(config.contextLength) + ".",
                            "Shorten the maximum length.");
    return {};
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

struct TrainingPass::Impl {
    explicit Impl(CausalLm& model_)
        : model(model_), config(model_.config()), type(model_.settings().dtype), master(model_.masterType()),
          device(model_.settings().device) {
        std::uint64_t part = 0;
        for (attune::Block& block : model.blocks) {
            const std::uint64_t qkv = part, out = qkv + block.qkv.parts.size(), up = out + 1,
                                down = up + block.gateUp.parts.size();
            passes.push_back({LinearPass(block.qkv, qkv), LinearPass(block.attentionOut, out),
                              LinearPass(block.gateUp, up), LinearPass(block.down, down)});
            part = down + 1;
        }
        kept.resize(model.blocks.size());
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
    Buffer logits, targetHidden, targetNormed, targetStatistics, dTargetNormed, dTargetHidden, logSums;
    kernels::AttentionScratch attentionScratch;

    // The current batch.
    std::int64_t tokens = 0, count = 0; // tokens rounded up; real ones
    kernels::AttentionLayout layout;
    kernels::Rotation rotation;
    at::Tensor ids, positionIds, targetRows, targets;
    enum class State { Empty, Evaluated, Forwarded, GradientSet } state = State::Empty;
    std::map<std::string, double>* times = nullptr;

    // Tables of rotation, kept while the frequencies are the same for all rows.
    std::vector<float> cosinesF, sinesF;
    std::vector<double> cosinesD, sinesD;

    std::vector<Buffer*> buffers() {
        std::vector<Buffer*> all = {&input, &dInput, &qkv, &inner, &dInner, &narrowGradient, &dq, &dk, &dv, &residualOut,
                                    &gradient, &logits, &targetHidden, &targetNormed, &targetStatistics, &dTargetNormed,
                                    &dTargetHidden, &logSums, &context.scratch};
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
    double queryScale() const { return 1.0 / std::sqrt(static_cast<double>(config.headDim)); }

    kernels::NormArguments arguments(const Norm& norm) const {
        return {config.norm, config.normEpsilon, norm.weight.compute, norm.bias.compute};
    }
    static at::Tensor gradientOf(const Weight& weight) { return weight.trained ? weight.trained->grad : at::Tensor(); }
    static bool trained(const Norm& norm) { return norm.weight.trained || norm.bias.trained; }

    void normForward(const Norm& norm, const at::Tensor& x, const at::Tensor& y, const at::Tensor& statistics_) const {
        const PartTimer timer(times, "norms");
        kernels::normForward(arguments(norm), x, y, statistics_);
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
        kernels::normBackward(arguments(norm), dy, x, statistics_, dx);
    }

    at::Tensor onDevice(const std::vector<std::int64_t>& values) const {
        at::Tensor host = at::empty({static_cast<std::int64_t>(values.size())}, at::kLong);
        std::copy(values.begin(), values.end(), host.data_ptr<std::int64_t>());
        return host.to(device);
    }

    template <class Real>
    void buildRotation(std::vector<Real>& cosines, std::vector<Real>& sines) {
        const auto half = static_cast<std::size_t>(config.headDim / 2);
        const auto& starts = layout.rowStarts;
        at::Tensor rows = at::zeros({tokens}, at::kInt);
        std::int32_t* tableRow = rows.data_ptr<std::int32_t>();
        const bool perLength = ropeDependsOnLength(config.rope);
        if (perLength)
            cosines.clear(), sines.clear();
        for (std::size_t row = 0; row + 1 < starts.size(); ++row) {
            const std::int64_t length = starts[row + 1] - starts[row];
            // One table for all rows, or with length-dependent scaling a section for each.
            const auto known = static_cast<std::int64_t>(cosines.size() / half);
            const std::int64_t first = perLength ? known : 0;
            if (perLength)
                appendRopeTable(ropeFrequencies(config, length), 0, length, cosines, sines);
            else if (length > known)
                appendRopeTable(ropeFrequencies(config, length), known, length - known, cosines, sines);
            for (std::int64_t t = 0; t < length; ++t)
                tableRow[starts[row] + t] = static_cast<std::int32_t>(first + t);
        }
        const at::TensorOptions options = at::TensorOptions().dtype(master);
        const auto positions = static_cast<std::int64_t>(cosines.size() / half);
        rotation.cosines = at::from_blob(cosines.data(), {positions, config.headDim / 2}, options).to(device);
        rotation.sines = at::from_blob(sines.data(), {positions, config.headDim / 2}, options).to(device);
        rotation.tableRow = rows.to(device);
    }

    void takeBatch(const PackedTokens& batch, const ForwardOptions& options) {
        count = batch.tokens();
        tokens = roundUp(count, kRowRound);
        layout = {batch.rowStarts, tokens, config.kvHeads, config.heads / config.kvHeads, config.headDim};
        ids = onDevice(batch.ids);
        std::vector<std::int64_t> rows, wanted;
        for (std::size_t i = 0; i < batch.targets.size(); ++i)
            if (batch.targets[i] != -100)
                rows.push_back(static_cast<std::int64_t>(i)), wanted.push_back(batch.targets[i]);
        targetRows = onDevice(rows);
        targets = onDevice(wanted);
        rotation = {};
        if (config.positions == PositionKind::Learned) {
            std::vector<std::int64_t> positions(batch.ids.size());
            for (std::size_t row = 0; row + 1 < batch.rowStarts.size(); ++row)
                for (std::int32_t t = batch.rowStarts[row]; t < batch.rowStarts[row + 1]; ++t)
                    positions[static_cast<std::size_t>(t)] = t - batch.rowStarts[row];
            positionIds = onDevice(positions);
        } else if (master == at::kDouble) {
            buildRotation(cosinesD, sinesD);
        } else {
            buildRotation(cosinesF, sinesF);
        }
        context.adapters = model.adaptersEnabled();
        context.times = times;
        context.dropout = false;
        if (options.training && context.adapters)
            for (const LinearPart* part : model.linearParts())
                context.dropout |= part->lora && part->lora->dropout > 0.0;
        context.dropoutKey = mixed(options.dropoutSeed ^ mixed(options.step));
        context.dropoutStream = (std::uint64_t{options.microBatch} << 32) + (std::uint64_t{0x4c4f} << 16); // "LO"
    }

    BlockBuffers& keptOf(std::size_t block) { return kept[state == State::Evaluated ? 0 : block]; }

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
        pass.qkv.forward(context, in, joined, false, keptColumns(keep.keptQkv, pass.qkv));
        const at::Tensor q = queryLike(keep.q), k = keyLike(keep.k, type), v = keyLike(keep.v, type);
        const at::Tensor attention = compute(keep.attention, pass.attentionOut.inputWidth());
        {
            const PartTimer timer(times, "rotation");
            kernels::splitHeads(joined, rotation, queryScale(), q, k, v);
        }
        {
            const PartTimer timer(times, "attention");
            kernels::attentionForward(layout, q, k, v, attention, keep.logSumExp.get(tokens, config.heads, master, device),
                                      attentionScratch);
            if (count < tokens) // rows of padding take part in the products
                attention.narrow(0, count, tokens - count).zero_();
        }
        const at::Tensor middle = wide(keep.residualMid, config.hiddenSize);
        copyResidual(x, middle);
        pass.attentionOut.forward(context, attention, middle, true, keptColumns(keep.keptOut, pass.attentionOut));

        in = compute(input, pass.gateUp.inputWidth());
        normForward(block.mlpNorm, middle, in.narrow(1, 0, config.hiddenSize), statistics(keep.statistics2));
        const at::Tensor gateUp = compute(keep.gateUp, block.gateUp.outFeatures());
        pass.gateUp.forward(context, in, gateUp, false, keptColumns(keep.keptUp, pass.gateUp));
        const at::Tensor hidden = compute(inner, pass.down.inputWidth());
        {
            const PartTimer timer(times, "activation");
            kernels::activationForward(config.activation, config.gatedMlp, gateUp,
                                       hidden.narrow(1, 0, config.intermediateSize));
        }
        copyResidual(middle, next);
        pass.down.forward(context, hidden, next, true, keptColumns(keep.keptDown, pass.down));
    }

    void copyResidual(const at::Tensor& from, const at::Tensor& to) const {
        const PartTimer timer(times, "residual");
        to.copy_(from);
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
        {
            const PartTimer timer(times, "embedding");
            kernels::embed(ids, model.embedding.compute, positionIds, model.positions.compute, residualAt(0));
        }
        for (std::size_t index = 0; index < model.blocks.size(); ++index)
            forwardBlock(index, residualAt(index), residualAt(index + 1));
    }

    std::int64_t chunkRows() const {
        const std::int64_t perRow = config.vocabularySize * static_cast<std::int64_t>(c10::elementSize(type));
        return std::clamp<std::int64_t>(kLogitBytes / perRow / kRowRound * kRowRound, kRowRound, 512);
    }

    // Head and loss over the target rows in chunks; with weights also the gradient down to the last residual.
    at::Tensor headSweep(const at::Tensor& weights) {
        const std::int64_t targetCount = targets.size(0), hidden = config.hiddenSize, chunk = chunkRows();
        const at::Tensor last = residualAt(model.blocks.size());
        at::Tensor logProbs = at::empty({targetCount}, last.options());
        at::Tensor dx;
        if (weights.defined()) {
            dx = wide(gradient, hidden);
            dx.zero_();
        }
        for (std::int64_t begin = 0; begin < targetCount; begin += chunk) {
            const std::int64_t rows = std::min(chunk, targetCount - begin), padded = roundUp(rows, kRowRound);
            const at::Tensor index = targetRows.narrow(0, begin, rows), wanted = targets.narrow(0, begin, rows);
            at::Tensor x = targetHidden.get(padded, hidden, master, device);
            at::Tensor real = x.narrow(0, 0, rows);
            at::index_select_out(real, last, 0, index);
            x.narrow(0, rows, padded - rows).zero_();
            const at::Tensor normed = targetNormed.get(padded, hidden, type, device);
            const at::Tensor stats = targetStatistics.get(2, padded, master, device);
            normForward(model.finalNorm, x, normed, stats);
            const at::Tensor z = logits.get(padded, config.vocabularySize, type, device);
            {
                const PartTimer timer(times, "head products");
                multiply(z, normed, model.head.compute.t());
            }
            const at::Tensor sums = logSums.get(1, padded, master, device)[0];
            {
                const PartTimer timer(times, "loss");
                kernels::targetLogProbabilities(z, wanted, rows, sums, logProbs.narrow(0, begin, rows));
                if (!weights.defined())
                    continue;
                kernels::crossEntropyGradient(z, wanted, rows, sums, weights.narrow(0, begin, rows));
            }
            const at::Tensor dNormed = dTargetNormed.get(padded, hidden, type, device);
            {
                const PartTimer timer(times, "head products");
                multiply(dNormed, z, model.head.compute);
            }
            if (const at::Tensor headGradient = gradientOf(config.tiedHead ? model.embedding : model.head);
                headGradient.defined()) {
                const PartTimer timer(times, "weight gradients");
                multiply(headGradient, z.t(), normed, true);
            }
            normParameterGradients(model.finalNorm, dNormed, x, stats);
            at::Tensor dHidden = dTargetHidden.get(padded, hidden, master, device);
            dHidden.zero_();
            normBackward(model.finalNorm, dNormed, x, stats, dHidden);
            dx.index_copy_(0, index, dHidden.narrow(0, 0, rows));
        }
        if (weights.defined())
            state = State::GradientSet;
        return logProbs;
    }

    // Where gradients end: blocks count six stages each, the embedding lies below them all.
    enum Stage { AttentionNorm, Qkv, AttentionOut, MlpNorm, GateUp, Down, Stages };
    std::int64_t lowestTrained() const {
        if (model.embedding.trained || model.positions.trained)
            return -1;
        for (std::size_t i = 0; i < model.blocks.size(); ++i) {
            const attune::Block& block = model.blocks[i];
            const bool stages[Stages] = {trained(block.attentionNorm),           passes[i].qkv.trained(context),
                                         passes[i].attentionOut.trained(context), trained(block.mlpNorm),
                                         passes[i].gateUp.trained(context),       passes[i].down.trained(context)};
            for (std::int64_t stage = 0; stage < Stages; ++stage)
                if (stages[stage])
                    return static_cast<std::int64_t>(i) * Stages + stage;
        }
        return static_cast<std::int64_t>(model.blocks.size()) * Stages;
    }

    at::Tensor narrowed(const at::Tensor& dx) {
        const PartTimer timer(times, "residual");
        if (type == master)
            return dx;
        const at::Tensor dy = compute(narrowGradient, config.hiddenSize);
        kernels::narrowTo(dx, dy);
        return dy;
    }

    void backwardMlp(std::size_t index, const at::Tensor& dx, std::int64_t lowest) {
        const attune::Block& block = model.blocks[index];
        const BlockPasses& pass = passes[index];
        BlockBuffers& keep = kept[index];
        const std::int64_t first = static_cast<std::int64_t>(index) * Stages;
        const at::Tensor dy = narrowed(dx);
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
        const at::Tensor middle = wide(keep.residualMid, config.hiddenSize), stats = statistics(keep.statistics2);
        const bool belowUp = lowest < first + GateUp;
        pass.gateUp.inputGradient(context, gateUp, dIn, belowUp);
        if (pass.gateUp.trained(context)) {
            normForward(block.mlpNorm, middle, in.narrow(1, 0, config.hiddenSize), stats);
            pass.gateUp.parameterGradients(context, gateUp, in, dIn, keptColumns(keep.keptUp, pass.gateUp));
        }
        if (!belowUp)
            return;
        const at::Tensor dNormed = dIn.narrow(1, 0, config.hiddenSize);
        normParameterGradients(block.mlpNorm, dNormed, middle, stats);
        if (lowest < first + MlpNorm)
            normBackward(block.mlpNorm, dNormed, middle, stats, dx);
    }

    void backwardAttention(std::size_t index, const at::Tensor& dx, std::int64_t lowest) {
        const attune::Block& block = model.blocks[index];
        const BlockPasses& pass = passes[index];
        BlockBuffers& keep = kept[index];
        const std::int64_t first = static_cast<std::int64_t>(index) * Stages;
        const at::Tensor dy = narrowed(dx);
        const at::Tensor attention = compute(keep.attention, pass.attentionOut.inputWidth());
        const at::Tensor dAttention = compute(dInput, pass.attentionOut.inputWidth());
        const bool below = lowest < first + AttentionOut;
        pass.attentionOut.inputGradient(context, dy, dAttention, below);
        pass.attentionOut.parameterGradients(context, dy, attention, dAttention,
                                             keptColumns(keep.keptOut, pass.attentionOut));
        if (!below)
            return;
        const at::Tensor queryGradient = queryLike(dq), keyGradient = keyLike(dk, master), valueGradient = keyLike(dv, master);
        {
            const PartTimer timer(times, "attention");
            kernels::attentionBackward(layout, queryLike(keep.q), keyLike(keep.k, type), keyLike(keep.v, type), attention,
                                       dAttention, keep.logSumExp.get(tokens, config.heads, master, device),
                                       queryGradient, keyGradient, valueGradient, attentionScratch);
        }
        const at::Tensor joined = compute(qkv, block.qkv.outFeatures());
        {
            const PartTimer timer(times, "rotation");
            kernels::mergeHeads(queryGradient, keyGradient, valueGradient, rotation, queryScale(), joined);
        }
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
            backwardMlp(index, dx, lowest);
            if (lowest >= first + MlpNorm)
                break;
            backwardAttention(index, dx, lowest);
        }
        const PartTimer timer(times, "embedding");
        if (model.embedding.trained)
            kernels::addRowsAt(ids, dx, model.embedding.trained->grad);
        if (model.positions.trained)
            kernels::addRowsAt(positionIds, dx, model.positions.trained->grad);
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
    ATTUNE_CHECK(checkBatch(batch, m_impl->config));
    return guarded([&]() -> Status {
        at::NoGradGuard noGrad;
        m_impl->forward(batch, options);
        return {};
    });
}

Result<at::Tensor> TrainingPass::targetLogProbs() {
    ATTUNE_CHECK(m_impl->needs(m_impl->state != Impl::State::Empty, "log-probabilities before forward"));
    return guarded([&]() -> Result<at::Tensor> {
        at::NoGradGuard noGrad;
        return m_impl->headSweep({});
    });
}

Result<at::Tensor> TrainingPass::targetLogProbsWithGradient(const at::Tensor& weights) {
    ATTUNE_CHECK(m_impl->needs(m_impl->state == Impl::State::Forwarded, "a gradient before forward"));
    if (weights.dim() != 1 || weights.size(0) != m_impl->targets.size(0))
        return fail(ErrorCode::InvalidArgument, "One weight per target is needed: " +
                                                    std::to_string(m_impl->targets.size(0)) + " targets, " +
                                                    std::to_string(weights.numel()) + " weights.");
    return guarded([&]() -> Result<at::Tensor> {
        at::NoGradGuard noGrad;
        return m_impl->headSweep(weights.to(m_impl->device, m_impl->master).contiguous());
    });
}

Status TrainingPass::setLogProbGradient(const at::Tensor& gradient) {
    ATTUNE_CHECK(targetLogProbsWithGradient(-gradient));
    return {};
}

Status TrainingPass::backward() {
    ATTUNE_CHECK(m_impl->needs(m_impl->state == Impl::State::GradientSet, "backward without a gradient"));
    return guarded([&]() -> Status {
        at::NoGradGuard noGrad;
        m_impl->backward();
        return {};
    });
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
    for (const at::Tensor& scratch : {m_impl->attentionScratch.bytes, m_impl->attentionScratch.slots})
        if (scratch.defined())
            bytes += scratch.numel() * static_cast<std::int64_t>(scratch.element_size());
    return bytes;
}

void TrainingPass::collectTimes(std::map<std::string, double>* times) { m_impl->times = times; }

} // namespace attune
