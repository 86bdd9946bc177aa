#include "core/families/gpt2.h"

#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "core/families/config_reader.h"

namespace attune {

namespace {

struct LayerName {
    std::string layer;     // "0"
    std::string_view rest; // "self_attn.q_proj.weight"
};

std::optional<LayerName> splitLayer(std::string_view canonical) {
    constexpr std::string_view kPrefix = "model.layers.";
    if (!canonical.starts_with(kPrefix))
        return std::nullopt;
    canonical.remove_prefix(kPrefix.size());
    const auto dot = canonical.find('.');
    if (dot == std::string_view::npos)
        return std::nullopt;
    return LayerName{std::string(canonical.substr(0, dot)), canonical.substr(dot + 1)};
}

// Our module -> GPT-2's, and which third of c_attn it is.
struct ModuleEntry {
    std::string_view canonical, disk;
    int third = -1;
    bool linear = true;
};
constexpr std::array<ModuleEntry, 8> kModules{{{"self_attn.q_proj", "attn.c_attn", 0},
                                               {"self_attn.k_proj", "attn.c_attn", 1},
                                               {"self_attn.v_proj", "attn.c_attn", 2},
                                               {"self_attn.o_proj", "attn.c_proj"},
                                               {"mlp.up_proj", "mlp.c_fc"},
                                               {"mlp.down_proj", "mlp.c_proj"},
                                               {"input_layernorm", "ln_1", -1, false},
                                               {"post_attention_layernorm", "ln_2", -1, false}}};

constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kOutside{
    {{"model.embed_tokens.weight", "wte.weight"},
     {"model.embed_positions.weight", "wpe.weight"},
     {"model.norm.weight", "ln_f.weight"},
     {"model.norm.bias", "ln_f.bias"},
     {"lm_head.weight", "lm_head.weight"}}};

class Gpt2Family final : public ModelFamily {
public:
    std::string id() const override { return "gpt2"; }
    bool accepts(std::string_view architecture) const override { return architecture == "GPT2LMHeadModel"; }

    Result<ModelConfig> readConfig(const Json& config) const override {
        const ConfigReader reader(config);
        ATTUNE_CHECK(reader.refuseUnknownMathematics({"vocab_size",
                                                      "n_embd",
                                                      "n_layer",
                                                      "n_head",
                                                      "n_positions",
                                                      "n_ctx",
                                                      "n_inner",
                                                      "activation_function",
                                                      "layer_norm_epsilon",
                                                      "scale_attn_weights",
                                                      "scale_attn_by_inverse_layer_idx",
                                                      "reorder_and_upcast_attn",
                                                      "tie_word_embeddings",
                                                      "attn_pdrop",
                                                      "embd_pdrop",
                                                      "resid_pdrop",
                                                      "summary_activation",
                                                      "summary_first_dropout",
                                                      "summary_proj_to_labels",
                                                      "summary_type",
                                                      "summary_use_proj"}));
        ModelConfig result;
        result.architecture = "GPT2LMHeadModel";
        result.familyId = id();
        ATTUNE_CHECK(readCommonConfig(config, result));
        ATTUNE_ASSIGN(result.hiddenSize, reader.size("n_embd", kMaxSize));
        ATTUNE_ASSIGN(result.layers, reader.size("n_layer", 10000));
        ATTUNE_ASSIGN(result.heads, reader.size("n_head", kMaxSize));
        result.kvHeads = result.heads;
        if (result.hiddenSize % result.heads != 0)
            return fail(ErrorCode::InvalidData, "config.json: n_embd is not a multiple of n_head",
                        "Download the model's config.json again.");
        result.headDim = result.hiddenSize / result.heads;
        ATTUNE_ASSIGN(result.contextLength,
                      reader.size(reader.has("n_positions") ? "n_positions" : "n_ctx", std::int64_t{1} << 24));
        ATTUNE_ASSIGN(result.intermediateSize, reader.sizeOr("n_inner", 4 * result.hiddenSize, kMaxSize * 8));
        ATTUNE_ASSIGN(result.normEpsilon, reader.positiveOr("layer_norm_epsilon", 1e-5));
        ATTUNE_ASSIGN(result.activation, reader.activation("activation_function", "gelu_new"));
        ATTUNE_ASSIGN(const bool scaled, reader.flagOr("scale_attn_weights", true));
        ATTUNE_ASSIGN(const bool byLayer, reader.flagOr("scale_attn_by_inverse_layer_idx", false));
        if (!scaled || byLayer)
            return fail(ErrorCode::Unsupported,
                        std::string("config.json: ") +
                            (byLayer ? "scale_attn_by_inverse_layer_idx" : "scale_attn_weights") +
                            " changes what the network computes and is not known here",
                        "Choose another model.");
        ATTUNE_ASSIGN(result.tiedHead, reader.flagOr("tie_word_embeddings", true));
        result.norm = NormKind::LayerNorm;
        result.positions = PositionKind::Learned;
        result.gatedMlp = false;
        result.qkvBias = result.attentionOutputBias = result.mlpBias = true;
        result.conv1dWeights = true;
        return result;
    }

    std::vector<DiskTensor> diskTensors(std::string_view canonicalName, const ModelConfig& config) const override {
        std::vector<DiskTensor> found;
        const auto add = [&](const std::string& name, DiskTensor tensor) {
            for (const char* prefix : {"transformer.", ""}) {
                tensor.name = prefix + name;
                found.push_back(tensor);
            }
        };
        for (const auto& [canonical, disk] : kOutside)
            if (canonical == canonicalName) {
                add(std::string(disk), {});
                if (config.tiedHead && disk == "wte.weight")
                    found.push_back({.name = "lm_head.weight"});
            }
        const auto layer = splitLayer(canonicalName);
        if (!layer)
            return found;
        for (const ModuleEntry& entry : kModules) {
            if (!layer->rest.starts_with(entry.canonical) || layer->rest.size() <= entry.canonical.size())
                continue;
            const std::string_view kind = layer->rest.substr(entry.canonical.size()); // ".weight"
            if (kind != ".weight" && kind != ".bias")
                continue;
            DiskTensor tensor;
            tensor.transposed = entry.linear && kind == ".weight";
            if (entry.third >= 0) {
                tensor.begin = entry.third * config.hiddenSize;
                tensor.size = config.hiddenSize;
            }
            add("h." + layer->layer + "." + std::string(entry.disk) + std::string(kind), tensor);
        }
        return found;
    }

    std::string peftModule(std::string_view canonicalModule, const ModelConfig&) const override {
        const auto layer = splitLayer(canonicalModule);
        if (layer)
            for (const ModuleEntry& entry : kModules)
                if (layer->rest == entry.canonical)
                    return "transformer.h." + layer->layer + "." + std::string(entry.disk);
        return std::string(canonicalModule);
    }

    bool ignorable(std::string_view diskName, const ModelConfig& config) const override {
        // The causal mask and its fill value, stored by old exports.
        return diskName.ends_with(".attn.bias") || diskName.ends_with(".attn.masked_bias") ||
               (config.tiedHead && (diskName == "lm_head.weight" || diskName.ends_with("wte.weight")));
    }
};

} // namespace

std::unique_ptr<ModelFamily> makeGpt2Family() {
    return std::make_unique<Gpt2Family>();
}

} // namespace attune
