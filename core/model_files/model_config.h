// The shape of a decoder-only language model, as its config.json says, in one form for all families. A value type, torch-free:
// estimates and the window read it without loading the engine.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace attune {

enum class NormKind { RmsNorm, LayerNorm };
enum class Activation { Silu, GeluTanh, GeluErf, Relu };
enum class PositionKind { Rope, Learned };
enum class RopeScaling { None, Linear, Dynamic, Llama3, Yarn, LongRope };
/// RMSNorm of queries and keys before the rotation: none, of each head (Qwen3, Gemma 3), of the whole projection (OLMo 2).
enum class QkNorm { None, Head, Projection };
/// x + attention(n1(x)), then + mlp(n2(.)); or both branches from the same x (GPT-NeoX), with one norm for both (Phi-2).
enum class BlockLayout { Sequential, Parallel, ParallelSharedNorm };

struct RopeConfig {
    double theta = 10000.0;
    RopeScaling scaling = RopeScaling::None;
    double factor = 1.0;
    double lowFreqFactor = 1.0, highFreqFactor = 4.0; // llama3
    std::int64_t originalContext = 0;                 // llama3, yarn, dynamic, longrope
    double betaFast = 32.0, betaSlow = 1.0;           // yarn
    double attentionFactor = 0.0;                     // yarn, longrope; 0 = derive
    std::vector<double> shortFactor, longFactor;      // longrope
};

struct ModelConfig {
    std::string architecture; // "LlamaForCausalLM"
    std::string familyId;     // "llama"
    std::int64_t vocabularySize = 0, hiddenSize = 0, layers = 0, heads = 0, kvHeads = 0, headDim = 0, intermediateSize = 0;
    std::int64_t contextLength = 0;
    double normEpsilon = 1e-5;
    NormKind norm = NormKind::RmsNorm;
    Activation activation = Activation::Silu;
    bool gatedMlp = true; // down(act(gate(x)) * up(x)); otherwise down(act(up(x)))
    PositionKind positions = PositionKind::Rope;
    RopeConfig rope;
    bool tiedHead = false;
    bool qkvBias = false, attentionOutputBias = false, mlpBias = false;
    bool headBias = false;      // a bias of the logits (Phi-2)
    bool conv1dWeights = false; // GPT-2: linear weights are stored [in, out]

    // Traits of single families; the values here are Llama's.
    BlockLayout layout = BlockLayout::Sequential;
    bool preNorm = true, postNorm = false; // norms of a branch's input and of its output before it is added
    QkNorm qkNorm = QkNorm::None;
    std::int64_t rotaryDim = 0;       // elements of a head that are rotated; 0 = all. See ModelFamily::DiskTensor::rows
    double queryScale = 0.0;          // of the attention scores; 0 = 1 / sqrt(headDim)
    double embeddingMultiplier = 1.0; // of the embedded tokens (Gemma: sqrt(hiddenSize))
    double residualMultiplier = 1.0;  // of what a branch adds
    double logitMultiplier = 1.0;
    double attentionSoftCap = 0.0, logitSoftCap = 0.0; // cap * tanh(x / cap); 0 = none
    // A token of a local layer sees itself and slidingWindow - 1 tokens before it. With slidingWindow > 0 and an empty
    // list every layer is local.
    std::int64_t slidingWindow = 0;
    std::vector<bool> localLayers;
    std::optional<RopeConfig> localRope; // of the local layers, where it differs (Gemma 3)

    // Mixture of experts (Shazeer et al. 2017): in place of each block's MLP there are `experts` of them, each as wide as
    // intermediateSize, and a router that sends every token to expertsPerToken. 0: none.
    std::int64_t experts = 0, expertsPerToken = 0;
    bool renormalizedExperts = true; // a token's experts count by their probabilities divided by the sum of these; else as they are
    double routerLoss = 0.001;       // weight of the load balancing loss while the router is trained

    bool isLocal(std::int64_t layer) const {
        return slidingWindow > 0 && (localLayers.empty() || localLayers[static_cast<std::size_t>(layer)]);
    }
    double attentionScale() const {
        return queryScale > 0.0 ? queryScale : 1.0 / std::sqrt(static_cast<double>(headDim));
    }
    std::int64_t rotatedDim() const { return rotaryDim > 0 ? rotaryDim : headDim; }
    bool packedWeights = false; // the files hold the blocks' linear weights in 4 bits (bitsandbytes)
    std::string torchDtype;     // as stored: "float32", "bfloat16", "float16"
    std::optional<std::int64_t> bosId, padId;
    std::vector<std::int64_t> eosIds; // config.json and generation_config.json together

    std::int64_t queryWidth() const { return heads * headDim; }
    std::int64_t kvWidth() const { return kvHeads * headDim; }
    /// Parameters in the blocks' linear layers (weights only), routers and all experts included.
    std::int64_t linearParameters() const { return linearParametersOf(experts > 0 ? experts : 1); }
    /// Those that one token goes through.
    std::int64_t activeLinearParameters() const { return linearParametersOf(experts > 0 ? expertsPerToken : 1); }
    std::int64_t linearParametersOf(std::int64_t mlps) const {
        return layers * (hiddenSize * (2 * queryWidth() + 2 * kvWidth()) +
                         mlps * (gatedMlp ? 3 : 2) * hiddenSize * intermediateSize + experts * hiddenSize);
    }
    std::int64_t normsPerLayer() const {
        return (preNorm ? (layout == BlockLayout::ParallelSharedNorm ? 1 : 2) : 0) + (postNorm ? 2 : 0);
    }
    /// All parameters, the head counted once when tied; norms and biases included approximately (norm weights only).
    std::int64_t totalParameters() const {
        return linearParameters() + (tiedHead ? 1 : 2) * vocabularySize * hiddenSize +
               (normsPerLayer() * layers + 1) * hiddenSize * (norm == NormKind::LayerNorm ? 2 : 1) +
               (positions == PositionKind::Learned ? contextLength * hiddenSize : 0);
    }
    /// All parameters without the experts that a token is not sent to.
    std::int64_t activeParameters() const { return totalParameters() - linearParameters() + activeLinearParameters(); }
};

} // namespace attune
