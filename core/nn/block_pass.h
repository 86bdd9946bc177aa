// The blocks of a model, forward and backward by hand over packed rows: what TrainingPass is made of, without its order of
// calls and without turning exceptions into errors. Engine thread only.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <ATen/ATen.h>

#include "core/nn/expert_pass.h"
#include "core/nn/head_pass.h"
#include "core/nn/kernels/attention.h"
#include "core/nn/kernels/ops.h"
#include "core/nn/kernels/qk_norm.h"
#include "core/nn/linear_pass.h"
#include "core/nn/pass_batch.h"
#include "core/nn/pass_buffers.h"
#include "core/nn/training_pass.h"

namespace attune {

struct BlockPass : PassBatch {
    // Kept per block from forward to backward. Norm outputs and the activation's output are computed again.
    struct BlockBuffers {
        Buffer residualIn, residualMid, statistics1, statistics2, q, k, v, logSumExp, attention, gateUp;
        Buffer keptQkv, keptOut, keptUp, keptDown;
        // Of norms that only some families have: queries and keys before theirs, the branches' outputs before theirs.
        Buffer rawQueries, rawKeys, queryStatistics, keyStatistics, attentionRaw, mlpRaw, statistics3, statistics4;
        ExpertPass::Kept experts; // in place of gateUp, keptUp and keptDown

        std::vector<Buffer*> all() {
            std::vector<Buffer*> buffers{&residualIn,    &residualMid, &statistics1, &statistics2, &q,
                    &k,             &v,           &logSumExp,   &attention,   &gateUp,
                    &keptQkv,       &keptOut,     &keptUp,      &keptDown,    &rawQueries,
                    &rawKeys,       &queryStatistics, &keyStatistics, &attentionRaw, &mlpRaw,
                    &statistics3,   &statistics4};
            for (Buffer* buffer : experts.all())
                buffers.push_back(buffer);
            return buffers;
        }
    };

    struct BlockPasses {
        LinearPass qkv, attentionOut, gateUp, down;
        ExpertPass::Layers experts; // none where the block has one MLP
        bool upTrained(const LinearContext& context) const { return gateUp.trained(context) || experts.upTrained(context); }
        bool downTrained(const LinearContext& context) const { return down.trained(context) || experts.downTrained(context); }
    };

    explicit BlockPass(CausalLm& model_)
        : model(model_), config(model_.config()), type(model_.settings().dtype), master(model_.masterType()),
          device(model_.settings().device), head(model_), experts(model_.config()) {
        std::uint64_t part = 0;
        for (attune::Block& block : model.blocks) {
            const std::uint64_t qkv = part, out = qkv + block.qkv.parts.size(), up = out + 1,
                                down = up + block.gateUp.parts.size();
            passes.push_back({LinearPass(block.qkv, qkv), LinearPass(block.attentionOut, out),
                              LinearPass(block.gateUp, up), LinearPass(block.down, down),
                              ExpertPass::Layers(block, up)});
            part += block.partCount();
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
    ExpertPass experts;
    kernels::AttentionScratch attentionScratch;

    enum class State { Empty, Evaluated, Forwarded, GradientSet } state = State::Empty;
    ActivationPolicy policy = ActivationPolicy::Keep;
    bool recompute = false; // the policy of the batch in work
    double temperature = 1; // of the batch in work
    double routerLossPerToken = 0, routerLossWeight = 0, routerLossSum = 0; // of the batch in work; see TrainingPass::balanceRouters
    std::vector<double> chosenSums, probabilitySums; // of each expert: over all blocks and tokens of the last forward
    std::vector<double> balance; // d (weight * load balancing loss) / d probability, of each expert
    std::map<std::string, double>* times = nullptr;

    std::vector<Buffer*> buffers();

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
    ExpertBatch expertBatch() const { return {tokens, count, type, master}; }
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
    void normForward(const Norm& norm, const at::Tensor& x, const at::Tensor& y, const at::Tensor& statistics_) const;
    void normParameterGradients(const Norm& norm, const at::Tensor& dy, const at::Tensor& x,
                                const at::Tensor& statistics_) const;
    void normBackward(const Norm& norm, const at::Tensor& dy, const at::Tensor& x, const at::Tensor& statistics_,
                      const at::Tensor& dx) const;
    void qkNormForward(const attune::Block& block, BlockBuffers& keep, const at::Tensor& joined);
    void qkNormBackward(const attune::Block& block, BlockBuffers& keep, const at::Tensor& gradient_);

    // sum = x + multiplier * postNorm(layer(in)); in Llama's shape one product without a detour.
    void addBranch(const LinearPass& layer, const Norm& postNorm, const at::Tensor& in, const at::Tensor& x,
                   const at::Tensor& sum, const at::Tensor& keptColumns_, Buffer& raw, Buffer& stats);

    // dx of the sum -> the gradient of the layer's output, in the compute type.
    at::Tensor branchOutputGradient(const Norm& postNorm, const at::Tensor& dx, Buffer& raw, Buffer& stats);
    void takeBatch(const PackedTokens& batch, const ForwardOptions& options);

    BlockBuffers& keptOf(std::size_t block) { return kept[state == State::Evaluated || recompute ? 0 : block]; }

    // `next` undefined: the block is computed again for its backward, which does not need its output.
    void forwardBlock(std::size_t index, const at::Tensor& x, const at::Tensor& next);

    // With nothing kept all blocks share one set of buffers, and the two residual buffers take turns.
    at::Tensor residualAt(std::size_t index);
    void forward(const PackedTokens& batch, const ForwardOptions& options);

    // The virtual tokens' vectors in place of the embeddings of id 0, with the same positions.
    void embedPrompt(at::Tensor x);
    at::Tensor headSweep(HeadPass::Sweep wanted, at::Tensor* facts = nullptr);
    // A number per target, on the device in the master type. Errors: InvalidArgument.
    Result<at::Tensor> perTarget(const at::Tensor& numbers, const char* what) const {
        if (numbers.dim() != 1 || numbers.size(0) != targets.size(0))
            return fail(ErrorCode::InvalidArgument, std::string("One ") + what + " per target is needed: " + std::to_string(targets.size(0)) +
                                                        " targets, " + std::to_string(numbers.numel()) + " given.");
        return numbers.to(device, master).contiguous();
    }
    at::Tensor scoreSweep(const at::Tensor& scoreGradient);

    // Where gradients end: blocks count six stages each, the embedding lies below them all.
    enum Stage { AttentionNorm, Qkv, AttentionOut, MlpNorm, GateUp, Down, Stages };
    std::int64_t lowestTrained() const;
    at::Tensor narrowed(const at::Tensor& dx, double scale);

    // dSum: the gradient of the block's output. The gradient of the MLP's input is added to dx: the same tensor, but for
    // parallel branches.
    void backwardExperts(std::size_t index, const at::Tensor& dx, std::int64_t lowest);
    // The load balancing loss of the batch over all blocks: adds it to the sum and fills `balance`.
    void balanceExperts();
    void backwardMlp(std::size_t index, const at::Tensor& dSum, const at::Tensor& dx, std::int64_t lowest);
    void backwardAttention(std::size_t index, const at::Tensor& dx, std::int64_t lowest);

    at::Tensor keptColumns(Buffer& buffer, const LinearPass& linear) {
        return linear.keptWidth() > 0 ? compute(buffer, linear.keptWidth()) : at::Tensor();
    }
    void backward();

    Status needs(bool ok, const char* what) const {
        if (!ok)
            return fail(ErrorCode::Internal, std::string("A training pass was used out of order: ") + what + ".");
        return {};
    }
};

} // namespace attune
