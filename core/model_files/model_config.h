// The shape of a decoder-only language model, as its config.json says, in one form for all families. A value type, torch-free:
// estimates and the window read it without loading the engine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace attune {

enum class NormKind { RmsNorm, LayerNorm };
enum class Activation { Silu, GeluTanh, GeluErf, Relu };
enum class PositionKind { Rope, Learned };
enum class RopeScaling { None, Linear, Dynamic, Llama3, Yarn, LongRope };

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
    bool conv1dWeights = false; // GPT-2: linear weights are stored [in, out]
    std::string torchDtype;     // as stored: "float32", "bfloat16", "float16"
    std::optional<std::int64_t> bosId, padId;
    std::vector<std::int64_t> eosIds; // config.json and generation_config.json together

    std::int64_t queryWidth() const { return heads * headDim; }
    std::int64_t kvWidth() const { return kvHeads * headDim; }
    /// Parameters in the blocks' linear layers (weights only).
    std::int64_t linearParameters() const {
        return layers * (hiddenSize * (2 * queryWidth() + 2 * kvWidth()) +
                         (gatedMlp ? 3 : 2) * hiddenSize * intermediateSize);
    }
    /// All parameters, the head counted once when tied; norms and biases included approximately (norm weights only).
    std::int64_t totalParameters() const {
        return linearParameters() + (tiedHead ? 1 : 2) * vocabularySize * hiddenSize +
               (2 * layers + 1) * hiddenSize * (norm == NormKind::LayerNorm ? 2 : 1) +
               (positions == PositionKind::Learned ? contextLength * hiddenSize : 0);
    }
};

} // namespace attune
