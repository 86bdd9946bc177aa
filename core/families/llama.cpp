#include "core/families/llama.h"

#include "core/families/config_reader.h"
#include "core/families/rope_config.h"

namespace attune {

namespace {

constexpr std::string_view kEmbedding = "model.embed_tokens.weight", kHead = "lm_head.weight";

class LlamaFamily final : public ModelFamily {
public:
    std::string id() const override { return "llama"; }
    bool accepts(std::string_view architecture) const override { return architecture == "LlamaForCausalLM"; }

    Result<ModelConfig> readConfig(const Json& config) const override {
        const ConfigReader reader(config);
        ATTUNE_CHECK(reader.refuseUnknownMathematics(
            {"vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim",
             "intermediate_size", "max_position_embeddings", "original_max_position_embeddings", "rms_norm_eps",
             "hidden_act", "rope_theta", "rope_scaling", "rope_parameters", "attention_bias", "mlp_bias",
             "tie_word_embeddings"}));
        ModelConfig result;
        result.architecture = "LlamaForCausalLM";
        result.familyId = id();
        ATTUNE_CHECK(readCommonConfig(config, result));
        ATTUNE_ASSIGN(result.hiddenSize, reader.size("hidden_size", kMaxSize));
        ATTUNE_ASSIGN(result.layers, reader.size("num_hidden_layers", 10000));
        ATTUNE_ASSIGN(result.heads, reader.size("num_attention_heads", kMaxSize));
        ATTUNE_ASSIGN(result.kvHeads, reader.sizeOr("num_key_value_heads", result.heads, kMaxSize));
        ATTUNE_ASSIGN(result.intermediateSize, reader.size("intermediate_size", kMaxSize * 8));
        ATTUNE_ASSIGN(result.contextLength, reader.sizeOr("max_position_embeddings", 2048, std::int64_t{1} << 26));
        if (!reader.has("head_dim") && result.hiddenSize % result.heads != 0)
            return fail(ErrorCode::InvalidData, "config.json: hidden_size is not a multiple of num_attention_heads",
                        "Download the model's config.json again.");
        ATTUNE_ASSIGN(result.headDim, reader.sizeOr("head_dim", result.hiddenSize / result.heads, 4096));
        if (result.heads % result.kvHeads != 0 || result.headDim % 2 != 0)
            return fail(ErrorCode::InvalidData,
                        "config.json: num_attention_heads must be a multiple of num_key_value_heads, and head_dim even",
                        "Download the model's config.json again.");
        ATTUNE_ASSIGN(result.normEpsilon, reader.positiveOr("rms_norm_eps", 1e-6));
        ATTUNE_ASSIGN(result.activation, reader.activation("hidden_act", "silu"));
        ATTUNE_ASSIGN(result.qkvBias, reader.flagOr("attention_bias", false));
        result.attentionOutputBias = result.qkvBias;
        ATTUNE_ASSIGN(result.mlpBias, reader.flagOr("mlp_bias", false));
        ATTUNE_ASSIGN(result.tiedHead, reader.flagOr("tie_word_embeddings", false));
        ATTUNE_CHECK(readRopeConfig(config, result));
        return result;
    }

    std::vector<DiskTensor> diskTensors(std::string_view canonicalName, const ModelConfig& config) const override {
        std::vector<std::string> names{std::string(canonicalName)};
        if (config.tiedHead && (canonicalName == kEmbedding || canonicalName == kHead)) {
            names = {std::string(kEmbedding), std::string(kHead)};
        }
        std::vector<DiskTensor> found;
        for (const std::string& name : names) {
            found.push_back({.name = name});
            if (name.starts_with("model.")) // saved from the bare model, without its head's wrapper
                found.push_back({.name = name.substr(6)});
        }
        return found;
    }

    std::string peftModule(std::string_view canonicalModule, const ModelConfig&) const override {
        return std::string(canonicalModule);
    }

    bool ignorable(std::string_view diskName, const ModelConfig& config) const override {
        return diskName.ends_with("rotary_emb.inv_freq") ||
               (config.tiedHead && (diskName == kHead || diskName.ends_with("embed_tokens.weight")));
    }
};

} // namespace

std::unique_ptr<ModelFamily> makeLlamaFamily() {
    return std::make_unique<LlamaFamily>();
}

} // namespace attune
