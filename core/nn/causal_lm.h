// A decoder-only language model as plain tensors: what is frozen, what is trained, where adapters sit. No autograd:
// training runs core/nn/training_pass.h, inference core/nn/decoder.h, both over this structure. Lives on the engine's
// thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/base/result.h"
#include "core/model_files/model_config.h"

namespace attune {

/// One trained tensor: f32 master (f64 when the model computes in f64) and its gradient, same shape.
struct Parameter {
    std::string name; // canonical, e.g. "model.layers.0.self_attn.q_proj.lora_A.weight"
    at::Tensor value;
    at::Tensor grad;   // defined once trained; accumulated by TrainingPass::backward
    bool decay = true; // false for norms and biases
    double rateFactor = 1.0; // multiplies the learning rate
};

/// A base weight: what the products read, and its master when it is trained.
struct Weight {
    std::string name;   // canonical name; empty for a fused weight (its parts carry the names)
    at::Tensor compute; // compute dtype, but master type for norms (bf16 would swallow their updates). The same memory
                        // as trained->value when dtypes agree
    std::unique_ptr<Parameter> trained;
    bool defined() const { return compute.defined(); }
};

/// Low-rank adapter of one linear layer (Hu et al. 2021): y += scale * B(A(dropout(x))).
struct LoraAdapter {
    Parameter a;        // [r, in]
    Parameter b;        // [out, r]
    double scale = 1.0; // alpha / r, or alpha / sqrt(r)
    double dropout = 0.0;
    std::int64_t rank() const { return a.value.size(0); }
};

/// A linear layer as users and files know it: rows [begin, begin + rows) of a fused weight.
struct LinearPart {
    std::string name; // canonical module name, e.g. "model.layers.0.self_attn.q_proj"
    std::int64_t begin = 0, rows = 0;
    std::unique_ptr<LoraAdapter> lora;
};

/// One product: q, k, v are one Linear of three parts, gate and up one of two, the others one of one.
struct Linear {
    Weight weight;                 // [out, in], rows contiguous (stride(1) == 1; stride(0) >= in)
    Weight bias;                   // [out] or undefined
    std::vector<LinearPart> parts; // tile the rows
    // With adapters (CausalLm::prepareAdapters) base and adapter are one product along a longer K:
    // y = [x | x loraA^T] augmented^T. R = ranks of the parts that have an adapter, one after the other.
    at::Tensor
        augmented; // [out, in + R] = [W | scale * B, zero outside the part's rows]; weight.compute is its first columns
    at::Tensor loraA;         // [R, in], compute dtype
    at::Tensor loraAGradient; // [R, in], master type; the adapters' a.grad are its rows
    std::int64_t adapterRank() const { return loraA.defined() ? loraA.size(0) : 0; }
    std::int64_t inFeatures() const { return weight.compute.size(1); }
    std::int64_t outFeatures() const { return weight.compute.size(0); }
};

struct Norm {
    Weight weight; // [H]
    Weight bias;   // [H], LayerNorm only
    bool defined() const { return weight.defined(); }
};

struct Block {
    Norm attentionNorm, mlpNorm;         // undefined without norms in front; mlpNorm also where both branches share one
    Norm attentionPostNorm, mlpPostNorm; // of the branches' outputs; usually undefined
    Norm queryNorm, keyNorm;             // [headDim] or [whole projection]; usually undefined
    Linear qkv, attentionOut, gateUp, down; // gateUp holds only "up" (fc) when the MLP is not gated

    /// The norm in front of the MLP.
    const Norm& mlpInputNorm(BlockLayout layout) const {
        return layout == BlockLayout::ParallelSharedNorm ? attentionNorm : mlpNorm;
    }
    /// Calls norm(Norm&) for the norms there are and linear(Linear&) for the linear layers, in the order of the network.
    template <class B, class N, class L>
    static void visit(B& block, N&& norm, L&& linear) {
        const auto present = [&](auto& each) {
            if (each.defined())
                norm(each);
        };
        present(block.attentionNorm), linear(block.qkv), present(block.queryNorm), present(block.keyNorm);
        linear(block.attentionOut), present(block.attentionPostNorm);
        present(block.mlpNorm), linear(block.gateUp), linear(block.down), present(block.mlpPostNorm);
    }
    std::vector<Norm*> norms() {
        std::vector<Norm*> all;
        visit(*this, [&](Norm& norm) { all.push_back(&norm); }, [](Linear&) {});
        return all;
    }
    std::vector<Linear*> linears() {
        std::vector<Linear*> all;
        visit(*this, [](Norm&) {}, [&](Linear& linear) { all.push_back(&linear); });
        return all;
    }
};

struct ComputeSettings {
    at::ScalarType dtype = at::kFloat; // kBFloat16, kFloat, kDouble (tests)
    at::Device device = at::kCPU;
};

class CausalLm {
public:
    /// Allocates all weights, uninitialised. Errors: Unsupported, OutOfMemory.
    static Result<std::unique_ptr<CausalLm>> create(const ModelConfig& config, const ComputeSettings& settings);

    const ModelConfig& config() const { return m_config; }
    const ComputeSettings& settings() const { return m_settings; }
    at::ScalarType masterType() const { return m_settings.dtype == at::kDouble ? at::kDouble : at::kFloat; }

    Weight embedding; // [V, H]
    Weight positions; // [context, H], learned positions only: "model.embed_positions.weight"
    std::vector<Block> blocks;
    Norm finalNorm;
    Weight head;     // [V, H]; the same tensor as embedding when tied
    Weight headBias; // [V]; usually undefined
    std::unique_ptr<Parameter> scoreHead; // "score.weight" [1, H], master type: reward models only, always trained

    /// Every base parameter under its canonical name as a view of the compute tensors (a part of a fused weight is a
    /// narrow()). With a tied head "lm_head.weight" is not listed.
    struct NamedTensor {
        std::string name;
        at::Tensor tensor; // [out, in] for linear weights
    };
    std::vector<NamedTensor> baseTensors() const;
    /// Normal(0, 0.02) for matrices, ones for norm weights, zeros for biases; residual outputs scaled by 1/sqrt(2
    /// layers) as in GPT-2.
    void initializeRandom(std::uint64_t seed);

    std::vector<LinearPart*> linearParts();
    /// Everything that is trained now, in a fixed order: base weights (when trained), then adapters.
    std::vector<Parameter*> trainable();
    std::int64_t trainableCount();
    void zeroGradients();
    /// After adapters were put on or taken off parts: rebuilds Linear::augmented and loraA (then refreshComputeWeights
    /// fills them) and gives the adapters zero gradients. Base weights keep their values; views of them taken before
    /// are stale.
    void prepareAdapters();
    /// Makes all base weights trained (full fine-tuning): masters in f32, norms and biases without decay.
    void trainAllWeights();
    /// Makes it a reward model: a head that gives one number per row, drawn from Normal(0, 0.02).
    void addScoreHead(std::uint64_t seed);
    /// After an optimizer step or after loading: masters -> compute weights.
    void refreshComputeWeights();
    /// Adapters switched off: the base model (reference model, base answers). Weights are not touched.
    void setAdaptersEnabled(bool enabled) { m_adaptersEnabled = enabled; }
    bool adaptersEnabled() const { return m_adaptersEnabled; }

private:
    CausalLm() = default;
    std::vector<Weight*> weights(); // each once, in the order of baseTensors
    ModelConfig m_config;
    ComputeSettings m_settings;
    bool m_adaptersEnabled = true;
};

} // namespace attune
