// Forward and backward of a whole model over packed rows, by hand: no autograd graph, no gradient of frozen weights,
// buffers reused from one micro-batch to the next. Lives on the engine's thread; not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/nn/causal_lm.h"

namespace attune {

/// Rows laid end to end without padding; attention never crosses a row.
struct PackedTokens {
    std::vector<std::int64_t> ids; // [T]
    std::vector<std::int64_t>
        targets; // [T]; targets[t] is the id to be predicted AT position t (already shifted), -100 = none
    std::vector<std::int32_t> rowStarts; // [rows + 1], first 0, last T
    // The other rows continue the first one: they attend to it and their positions follow its. Forward only.
    bool firstRowIsPrefix = false;
    // The rows already begin with the model's virtual tokens (CausalLm::prompt); otherwise the pass puts them in front.
    bool promptIncluded = false;
    std::int64_t tokens() const { return static_cast<std::int64_t>(ids.size()); }
};

/// The same rows with so many virtual tokens in front of each (of the first only when it is the prefix of the others).
PackedTokens withPrompt(const PackedTokens& batch, std::int64_t tokens);

/// Sees each block's keys and values of the packed rows, [kvHeads, T, headDim] in the compute type, keys rotated; T may be
/// rounded up. To fill caches.
using KeyValueSink = std::function<void(std::size_t block, const at::Tensor& keys, const at::Tensor& values)>;

/// Sees what each linear layer of the blocks reads, [tokens, in] in the compute type: the packed rows, of an expert its own.
using LayerInputSink = std::function<void(const Linear& layer, const at::Tensor& input)>;

struct ForwardOptions {
    bool keepForBackward = true;
    // Dropout is a pure function of (seed, step, micro-batch, layer, element), so recomputation and resume are
    // bit-exact.
    bool training = true;
    std::uint64_t dropoutSeed = 0;
    std::uint64_t step = 0;
    std::uint32_t microBatch = 0;
    // NEFTune (Jain et al. 2023): uniform noise of +-alpha / sqrt(tokens of the row * H) on the embeddings; 0 = none. A pure
    // function of the same numbers as the dropout.
    double embeddingNoise = 0;
    // Log-probabilities are those of logits / temperature, as the tokens were drawn.
    double temperature = 1;
    KeyValueSink keysAndValues = {}; // called on the calling thread; usually none
    LayerInputSink layerInputs = {}; // likewise
};

/// What a forward keeps for the backward: everything a block needs, or only the blocks' inputs, from which the rest is
/// computed again (a quarter more work, a fifth of the memory). The results are the same to the bit.
enum class ActivationPolicy { Keep, Recompute };

/// Of each target of a forward, beside its log-probability. Master type; made in the same sweep over the logits.
struct TargetFacts {
    at::Tensor numbers; // [N, 4]; undefined: not made
    at::Tensor likeliest() const { return numbers.select(1, 0); } // 1 where no other token is more likely, else 0
    at::Tensor entropy() const { return numbers.select(1, 1); }   // of the model's choice there, in nats
    at::Tensor meanLogit() const { return numbers.select(1, 2); } // over the vocabulary
    at::Tensor logSquares() const { return numbers.select(1, 3); } // log of the sum over the vocabulary of p^2
};

/// Of the weight of a layer with an adapter: the squares of the gradient that it would get, summed over each row [out] and each column [in].
/// Master type.
struct WeightSquares {
    at::Tensor rows, columns;
};
using SquaresOfAdapted = std::map<const LoraAdapter*, WeightSquares>;

class TrainingPass {
public:
    explicit TrainingPass(CausalLm& model);
    ~TrainingPass();

    /// Runs the blocks and the final norm. Errors: InvalidArgument (an id outside the vocabulary, a row longer than the
    /// context of learned positions, a common prefix to be kept for backward), OutOfMemory.
    Status forward(const PackedTokens& batch, const ForwardOptions& options);

    /// The residual stream after the last block of the last forward, before the final norm: [T, H] master type, T possibly
    /// rounded up, virtual tokens included. A view: valid until the next forward.
    Result<at::Tensor> hidden();

    /// Log-probability of each target of the last forward, in order of position ([N], f32; f64 in f64 models). Logits
    /// exist only in chunks.
    Result<at::Tensor> targetLogProbs(TargetFacts* facts = nullptr);
    /// The same, and in the same sweep the gradient of sum_i weight_i * (-logp_i) down to the last hidden state.
    /// weights: [N] master type. With timesProbability each weight is multiplied by e^logp_i first, which counts as a constant.
    Result<at::Tensor> targetLogProbsWithGradient(const at::Tensor& weights, bool timesProbability = false, TargetFacts* facts = nullptr);
    /// For objectives whose weights depend on the log-probabilities of several passes: gradient of sum_i g_i * logp_i,
    /// recomputing logits.
    Status setLogProbGradient(const at::Tensor& gradient);

    /// The value head at each target's position, in order of position: [N] master type. Errors: Internal (no value head).
    Result<at::Tensor> targetValues();
    /// setLogProbGradient plus the gradient of sum_i h_i * value_i; both [N].
    Status setLogProbAndValueGradient(const at::Tensor& gradient, const at::Tensor& valueGradient);

    /// Reward models: the score head on the final norm of each row's last position, [rows] master type. Errors: Internal
    /// (the model has no score head).
    Result<at::Tensor> rowScores();
    /// The gradient of sum_i g_i * score_i, instead of setLogProbGradient. gradient: [rows].
    Status setScoreGradient(const at::Tensor& gradient);

    /// From the gradient set by one of those above: accumulates into Parameter::grad of everything trained (the
    /// head's and the final norm's share is already added there). Once per forward: it consumes what was kept.
    Status backward();

    /// From the next forward on. Keep is the default.
    void setActivationPolicy(ActivationPolicy policy);

    /// Mixture of experts: from the next forward on, backward adds the gradient of weightPerToken * tokens of the batch * its load
    /// balancing loss; 0 (the beginning) adds none. The loss (Fedus et al. 2021, as transformers' load_balancing_loss_func over
    /// all blocks) is experts * sum_e f_e p_e: f_e how often expert e is chosen per token, p_e its mean probability.
    void balanceRouters(double weightPerToken);
    /// The sum of these terms over the backward calls since it was last asked for.
    double takeRouterLoss();

    /// From now on each backward adds the squares of its gradients of the adapted weights; null stops it. For these the frozen weights'
    /// gradients are made, one layer at a time.
    void collectSquares(SquaresOfAdapted* squares);
    /// Frees the buffers (between training and generating).
    void releaseBuffers();
    /// Bytes held by buffers now.
    std::int64_t bufferBytes() const;
    /// The part of them that attention works in.
    std::int64_t attentionScratchBytes() const;
    /// Adds the seconds spent in each part ("products", "attention", ...) to `times` from now on; null stops it.
    void collectTimes(std::map<std::string, double>* times);

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

} // namespace attune
