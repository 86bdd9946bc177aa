#include "core/families/decoder_config.h"

#include <algorithm>

namespace attune {

Status readDecoderShape(const Json& config, const DecoderDefaults& defaults, ModelConfig& result) {
    const ConfigReader reader(config);
    ATTUNE_CHECK(readCommonConfig(config, result));
    ATTUNE_ASSIGN(result.hiddenSize, reader.size("hidden_size", kMaxSize));
    ATTUNE_ASSIGN(result.layers, reader.size("num_hidden_layers", 10000));
    ATTUNE_ASSIGN(result.heads, reader.size("num_attention_heads", kMaxSize));
    ATTUNE_ASSIGN(result.kvHeads, reader.sizeOr("num_key_value_heads", result.heads, kMaxSize));
    ATTUNE_ASSIGN(result.intermediateSize, reader.size("intermediate_size", kMaxSize * 8));
    ATTUNE_ASSIGN(result.contextLength,
                  reader.sizeOr("max_position_embeddings", defaults.contextLength, std::int64_t{1} << 26));
    if (!reader.has("head_dim") && defaults.headDim == 0 && result.hiddenSize % result.heads != 0)
        return fail(ErrorCode::InvalidData, "config.json: hidden_size is not a multiple of num_attention_heads",
                    "Download the model's config.json again.");
    const std::int64_t headDim = defaults.headDim > 0 ? defaults.headDim : result.hiddenSize / result.heads;
    ATTUNE_ASSIGN(result.headDim, reader.sizeOr("head_dim", headDim, 4096));
    if (result.heads % result.kvHeads != 0 || result.headDim % 2 != 0)
        return fail(ErrorCode::InvalidData,
                    "config.json: num_attention_heads must be a multiple of num_key_value_heads, and head_dim even",
                    "Download the model's config.json again.");
    ATTUNE_ASSIGN(result.normEpsilon, reader.positiveOr(defaults.normEpsilonKey, defaults.normEpsilon));
    ATTUNE_ASSIGN(result.activation, reader.activation(defaults.activationKey, defaults.activation));
    ATTUNE_ASSIGN(result.tiedHead, reader.flagOr("tie_word_embeddings", defaults.tiedHead));
    return {};
}

std::set<std::string_view> decoderKeys(std::initializer_list<std::string_view> more) {
    std::set<std::string_view> keys{"vocab_size",       "hidden_size",
                                    "num_hidden_layers", "num_attention_heads",
                                    "num_key_value_heads", "head_dim",
                                    "intermediate_size", "max_position_embeddings",
                                    "original_max_position_embeddings", "tie_word_embeddings",
                                    "rope_theta",        "rope_scaling",
                                    "rope_parameters"};
    keys.insert(more);
    return keys;
}

Result<std::vector<bool>> readLocalLayers(const Json& config, std::int64_t layers,
                                          const std::function<bool(std::int64_t)>& isLocal) {
    std::vector<bool> local;
    if (!ConfigReader(config).has("layer_types")) {
        for (std::int64_t layer = 0; layer < layers; ++layer)
            local.push_back(isLocal(layer));
        return local;
    }
    const Json& types = config.at("layer_types");
    if (!types.is_array() || static_cast<std::int64_t>(types.size()) != layers)
        return fail(ErrorCode::InvalidData, "config.json: layer_types must name each of the layers",
                    "Download the model's config.json again.");
    for (const Json& type : types) {
        if (type != "full_attention" && type != "sliding_attention")
            return fail(ErrorCode::Unsupported,
                        "config.json: layer_types has the kind " + type.dump(-1, ' ', true).substr(0, 60) +
                            ", which is not known here",
                        "Choose another model.");
        local.push_back(type == "sliding_attention");
    }
    return local;
}

Status readSlidingWindow(const Json& config, std::int64_t fallback, const std::function<bool(std::int64_t)>& isLocal,
                         ModelConfig& result) {
    const ConfigReader reader(config);
    if (!reader.has("sliding_window") && (config.contains("sliding_window") || fallback == 0))
        return {};
    ATTUNE_ASSIGN(const std::int64_t window, reader.sizeOr("sliding_window", fallback, std::int64_t{1} << 40));
    ATTUNE_ASSIGN(result.localLayers, readLocalLayers(config, result.layers, isLocal));
    if (std::find(result.localLayers.begin(), result.localLayers.end(), true) != result.localLayers.end() &&
        (window < result.contextLength || result.localRope))
        result.slidingWindow = window;
    return {};
}

Result<double> readOptionalNumber(const Json& config, const std::string& key, double fallback) {
    if (config.contains(key) && config.at(key).is_null())
        return 0.0;
    return ConfigReader(config).positiveOr(key, fallback);
}

Status readExperts(const Json& config, const char* expertsKey, std::int64_t experts, std::int64_t perToken, ModelConfig& result,
                   double routerLoss) {
    constexpr std::int64_t kMostExperts = 4096, kMostInAll = 65536; // several times what the largest models have
    const ConfigReader reader(config);
    ATTUNE_ASSIGN(result.experts, reader.sizeOr(expertsKey, experts, kMostExperts));
    ATTUNE_ASSIGN(result.expertsPerToken, reader.sizeOr("num_experts_per_tok", perToken, kMostExperts));
    if (result.expertsPerToken > result.experts)
        return fail(ErrorCode::InvalidData,
                    std::string("config.json: num_experts_per_tok is larger than ") + expertsKey + ", " + std::to_string(result.experts),
                    "Download the model's config.json again.");
    if (result.experts * result.layers > kMostInAll)
        return fail(ErrorCode::InvalidData,
                    "config.json: " + std::to_string(result.layers) + " layers of " + std::to_string(result.experts) +
                        " experts (" + expertsKey + ") are more than any model has",
                    "Download the model's config.json again.");
    const bool off = reader.has("router_aux_loss_coef") && config.at("router_aux_loss_coef") == 0;
    ATTUNE_ASSIGN(result.routerLoss, off ? Result<double>(0.0) : reader.positiveOr("router_aux_loss_coef", routerLoss));
    return {};
}

Status readRotaryShare(const Json& config, const char* key, double fallback, ModelConfig& result) {
    const ConfigReader reader(config);
    double share = fallback;
    std::string name = key;
    if (reader.has(key)) {
        ATTUNE_ASSIGN(share, reader.positive(key));
    } else if (reader.has("rope_parameters") && config.at("rope_parameters").is_object()) {
        name = "partial_rotary_factor";
        ATTUNE_ASSIGN(share, ConfigReader(config.at("rope_parameters")).positiveOr(name, fallback));
    }
    const auto rotated = static_cast<std::int64_t>(static_cast<double>(result.headDim) * std::min(share, 2.0));
    if (share > 1.0 || rotated < 2 || rotated % 2 != 0)
        return fail(ErrorCode::InvalidData,
                    "config.json: " + name + " must rotate an even number of a head's " + std::to_string(result.headDim) +
                        " elements, at least two",
                    "Download the model's config.json again.");
    result.rotaryDim = rotated == result.headDim ? 0 : rotated;
    return {};
}

} // namespace attune
