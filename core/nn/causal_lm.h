// A decoder-only language model as plain tensors: what is frozen, what is trained, where adapters sit. No autograd:
// training runs core/nn/training_pass.h, inference core/nn/decoder.h, both over this structure. Lives on the engine's
// thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/base/result.h"
#include "core/model_files/model_config.h"
#include "core/nn/nf4.h"

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
    // DoRA (Liu et al. 2024), else undefined: [out], the length that each row of W + scale * B A is given.
    Parameter magnitude;
    // PiSSA (Meng et al. 2024), else undefined: the first a and b. The base weight lacks scale * startB startA.
    at::Tensor startA, startB;
    std::int64_t rank() const { return a.value.size(0); }
};

/// A linear layer as users and files know it: rows [begin, begin + rows) of a fused weight.
struct LinearPart {
    std::string name; // canonical module name, e.g. "model.layers.0.self_attn.q_proj"
    std::int64_t begin = 0, rows = 0;
    std::unique_ptr<LoraAdapter> lora;
    // The weight of a packed layer (Linear::packed): in 4 bits, or [rows, in] where a file left this part in 16.
    std::unique_ptr<Nf4Matrix> nf4;
    at::Tensor plain;
};

/// One product: q, k, v are one Linear of three parts, gate and up one of two, the others one of one.
struct Linear {
    Weight weight; // [out, in], rows contiguous (stride(1) == 1; stride(0) >= in); undefined when packed
    Weight bias;                   // [out] or undefined
    std::vector<LinearPart> parts; // tile the rows
    // With adapters (CausalLm::prepareAdapters) base and adapter are one product along a longer K:
    // y = [x | x loraA^T] augmented^T. R = ranks of the parts that have an adapter, one after the other.
    at::Tensor
        augmented; // [out, in + R] = [W | scale * B, zero outside the part's rows]; weight.compute is its first columns
    at::Tensor loraA;         // [R, in], compute dtype
    at::Tensor loraAGradient; // [R, in], master type; the adapters' a.grad are its rows
    at::Tensor scaledB;       // [out, R], compute dtype: the last columns of augmented; when packed, memory of its own
    // With DoRA, master type [out]: length of each row of the adapted weight and the factor that gives it its magnitude
    // (1 for parts without). Constants of a step: refreshComputeWeights renews them.
    at::Tensor rowNorm, rowScale;
    // Some part starts with a share of its base weight (PiSSA): with adapters switched off that share is still added.
    bool needsStart = false;
    std::int64_t adapterRank() const { return loraA.defined() ? loraA.size(0) : 0; }
    std::int64_t inFeatures() const { return in; }
    std::int64_t outFeatures() const { return out; }

    std::int64_t in = 0, out = 0;
    // Packed: the weights lie in the parts (LinearPart::nf4) and are unpacked for each product. Frozen.
    bool packed = false;
    /// Rows [first, first + to.size(0)) of the weight, converted to the type of `to` [count, in].
    void readRows(std::int64_t first, const at::Tensor& to) const;
    /// The same into raw memory, `stride` elements from row to row, on the calling thread. Packed layers only.
    void unpackRows(std::int64_t first, std::int64_t count, void* to, std::int64_t stride, at::ScalarType type) const;
};

/// Trained vectors in front of every row (prompt tuning, Lester et al. 2021); the network itself stays as it is.
struct SoftPrompt {
    Parameter embeddings; // [tokens, H], "prompt_embeddings"
    std::string init, initText; // how it began, in PEFT's words ("RANDOM", "TEXT", "SAMPLE_VOCAB"); for the adapter's config
};

/// Ids below zero stand for the rows of the prompt: -1 for the first.
inline std::int64_t virtualToken(std::int64_t index) { return -1 - index; }

/// One number per position from the final norm: what reinforcement learning expects of the rest of the answer. In the names
/// of the field's libraries.
struct ValueHead {
    Parameter weight; // "v_head.summary.weight" [1, H], master type
    Parameter bias;   // "v_head.summary.bias" [1]
};

/// Single rows of the embedding (and of the head, where that is the same matrix) that are trained while the others stay: PEFT's
/// trainable_token_indices.
struct TokenRows {
    std::vector<std::int64_t> ids; // of the vocabulary, each once
    Parameter values;              // "model.embed_tokens.token_adapter.trainable_tokens_delta" [ids, H]: whole rows, in spite of its name
    at::Tensor base;               // [ids, H] compute type: the rows while adapters are off
    at::Tensor index, place;       // [ids] the ids; [V] the number of a token's row here, -1 for the others
};

struct Norm {
    Weight weight; // [H]
    Weight bias;   // [H], LayerNorm only
    bool defined() const { return weight.defined(); }
};

/// One of the MLPs of a mixture of experts.
struct Expert {
    Linear gateUp, down;
};

struct Block {
    Norm attentionNorm, mlpNorm;         // undefined without norms in front; mlpNorm also where both branches share one
    Norm attentionPostNorm, mlpPostNorm; // of the branches' outputs; usually undefined
    Norm queryNorm, keyNorm;             // [headDim] or [whole projection]; usually undefined
    std::int64_t origin = -1; // number of the base model's block that this one is, or was copied from
    Linear qkv, attentionOut, gateUp, down; // gateUp holds only "up" (fc) when the MLP is not gated
    // A mixture of experts in place of gateUp and down, which are empty then. router: [experts, H], in 4 bits only where
    // the files hold it so.
    Linear router;
    std::vector<Expert> experts;

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
        present(block.mlpNorm);
        if (block.experts.empty()) {
            linear(block.gateUp), linear(block.down);
        } else {
            linear(block.router);
            for (auto& expert : block.experts)
                linear(expert.gateUp), linear(expert.down);
        }
        present(block.mlpPostNorm);
    }
    std::uint64_t partCount() const {
        std::uint64_t count = 0;
        for (const Linear* linear : linears())
            count += linear->parts.size();
        return count;
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
    std::vector<const Linear*> linears() const {
        std::vector<const Linear*> all;
        visit(*this, [](const Norm&) {}, [&](const Linear& linear) { all.push_back(&linear); });
        return all;
    }
};

/// How the blocks' linear weights are held: in the compute type, all of them in 4 bits, or as the files hold them (those
/// in 4 bits packed).
enum class LinearFormat { Plain, Nf4, AsStored };

struct ComputeSettings {
    at::ScalarType dtype = at::kFloat; // kBFloat16, kFloat, kDouble (tests)
    at::Device device = at::kCPU;
    LinearFormat linears = LinearFormat::Plain;
};

class CausalLm {
public:
    /// Allocates all weights, uninitialised; of packed layers nothing. Errors: Unsupported, OutOfMemory.
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
    std::unique_ptr<ValueHead> valueHead; // proximal policy optimization only, always trained

    /// Every base parameter under its canonical name as a view of the compute tensors (a part of a fused weight is a
    /// narrow()). With a tied head "lm_head.weight" is not listed; weights of packed layers are in packedParts().
    struct NamedTensor {
        std::string name;
        at::Tensor tensor; // [out, in] for linear weights
    };
    std::vector<NamedTensor> baseTensors() const;
    struct PackedPart {
        std::string name; // of the weight
        Linear* linear;
        LinearPart* part;
    };
    std::vector<PackedPart> packedParts();
    bool packed() const { return m_settings.linears != LinearFormat::Plain; }
    /// Rounds every plain linear weight but the routers to 4 bits. Without adapters; not while weights are trained.
    void packLinears();
    /// Turns a packed layer back into a plain one, all of it unpacked. Then prepareAdapters has to follow.
    void unpack(Linear& linear);
    /// The same for the layers of which no part turned out to be in 4 bits.
    void unpackPlainLayers();
    /// Normal(0, 0.02) for matrices, ones for norm weights, zeros for biases; residual outputs scaled by 1/sqrt(2
    /// layers) as in GPT-2. The same numbers for packed layers, before they are rounded to 4 bits.
    void initializeRandom(std::uint64_t seed);

    std::unique_ptr<SoftPrompt> prompt;    // usually none
    std::unique_ptr<TokenRows> tokenRows;  // usually none
    /// Virtual tokens in front of every row now: none while adapters are off.
    std::int64_t promptTokens() const { return prompt && m_adaptersEnabled ? prompt->embeddings.value.size(0) : 0; }

    std::vector<LinearPart*> linearParts();
    /// Everything that is trained now, in a fixed order: base weights (when trained), then adapters.
    std::vector<Parameter*> trainable();
    std::int64_t trainableCount();
    /// Whether some block's router, or an adapter on it, is trained now.
    bool trainsRouter() const;
    void zeroGradients();
    /// After adapters were put on or taken off parts: rebuilds Linear::augmented and loraA (then refreshComputeWeights
    /// fills them) and gives the adapters zero gradients. Base weights keep their values; views of them taken before
    /// are stale.
    void prepareAdapters();
    /// Makes base weights trained (full fine-tuning): masters in f32, norms and biases without decay. Not those of the
    /// blocks in `frozenBlocks`; without `embeddings` neither embedding, positions nor head.
    void trainAllWeights(const std::set<std::int64_t>& frozenBlocks = {}, bool embeddings = true);
    /// Doubles each of these blocks (numbers): behind it comes a copy that adds nothing to the residual stream yet. Blocks and the names of
    /// their parameters are numbered anew. Plain layers without adapters, before anything is trained.
    void insertCopies(const std::set<std::int64_t>& blocks);
    /// Beside adapters: of embeddings, norms and head those with these names are trained from now on (masters in f32), the others not.
    void trainWholeWeights(const std::set<std::string>& names);
    /// From now on these rows of the embedding are trained, and no others; none for an empty list, which brings the base's rows back.
    void trainTokenRows(const std::vector<std::int64_t>& ids);
    /// The rows as they are become the base's.
    void keepTokenRows();
    /// Whether a weight of the base itself is trained: then the model with its adapters off is no longer the base.
    bool changesBase();
    /// Makes the weights of these blocks trained, and of nothing else.
    void trainBlocks(const std::set<std::int64_t>& numbers);
    /// Makes it a reward model: a head that gives one number per row, drawn from Normal(0, 0.02).
    void addScoreHead(std::uint64_t seed);
    /// A value head of zeros: at first nothing is expected.
    void addValueHead();
    /// After an optimizer step or after loading: masters -> compute weights.
    void refreshComputeWeights();
    /// Adapters switched off: the base model (reference model, base answers). Weights are not touched; after PiSSA the base
    /// is the rest and the adapters' first values, equal up to rounding.
    void setAdaptersEnabled(bool enabled);
    bool adaptersEnabled() const { return m_adaptersEnabled; }
    /// Whether a layer's adapter columns take part in its products now.
    bool usesAdapters(const Linear& linear) const {
        return linear.adapterRank() > 0 && (m_adaptersEnabled || linear.needsStart);
    }

private:
    CausalLm() = default;
    void refreshRowScale(Linear& linear);
    void refreshTokenRows();
    template <class F>
    void visitBase(F&& f);
    std::vector<Weight*> weights(); // each once, in the order of baseTensors
    ModelConfig m_config;
    ComputeSettings m_settings;
    bool m_adaptersEnabled = true;
};

} // namespace attune
