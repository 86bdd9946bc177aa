#include "core/families/config_reader.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace attune {

namespace {

tl::unexpected<Error> badValue(const std::string& key, const std::string& what) {
    return fail(ErrorCode::InvalidData, "config.json: " + key + " " + what, "Download the model's config.json again.");
}

// Present in many configs, without influence on what the network computes at inference or training as done here.
constexpr std::array<std::string_view, 30> kBookkeeping{"attention_dropout",
                                                        "hidden_dropout",
                                                        "initializer_range",
                                                        "use_cache",
                                                        "torch_dtype",
                                                        "dtype",
                                                        "transformers_version",
                                                        "transformers.js_config",
                                                        "pretraining_tp",
                                                        "model_type",
                                                        "architectures",
                                                        "_attn_implementation",
                                                        "attn_implementation",
                                                        "_attn_implementation_autoset",
                                                        "_flash_attn_2_enabled",
                                                        "gradient_checkpointing",
                                                        "output_attentions",
                                                        "output_hidden_states",
                                                        "use_return_dict",
                                                        "return_dict",
                                                        "chunk_size_feed_forward",
                                                        "tie_encoder_decoder",
                                                        "is_encoder_decoder",
                                                        "unsloth_fixed",
                                                        "layer_norm_eps_note",
                                                        "max_window_layers",
                                                        "use_sliding_window",
                                                        "bos_token_id",
                                                        "eos_token_id",
                                                        "pad_token_id"};

// Parts of names that speak of the network itself.
constexpr std::array<std::string_view, 37> kMathematics{
    "scale",      "scaling",   "multiplier", "softcap",     "norm",   "rope",     "rotary",      "attn",
    "attention",  "mlp",       "expert",     "moe",         "window", "bias",     "alibi",       "residual",
    "logit",      "quant",     "clip",       "lora_rank",   "mup",    "parallel", "layer_types", "hidden_act",
    "activation", "qk_",       "kv_",        "gating",      "gated",  "cross",    "embedding",   "scalar",
    "depth",      "dim_model", "ssm",        "text_config", "vision"};

bool saysOff(const Json& value) {
    if (value.is_null() || (value.is_boolean() && !value.get<bool>()))
        return true;
    if (value.is_number())
        return value.get<double>() == 0.0;
    return (value.is_array() || value.is_object() || value.is_string()) && value.empty();
}

} // namespace

bool ConfigReader::has(const std::string& key) const {
    const auto found = m_config.find(key);
    return found != m_config.end() && !found->is_null();
}

Result<std::int64_t> ConfigReader::size(const std::string& key, std::int64_t max) const {
    if (!has(key))
        return badValue(key, "is missing");
    const Json& value = at(key);
    if (!value.is_number_integer() || value.get<double>() < 1 || value.get<double>() > static_cast<double>(max))
        return badValue(key, "must be a whole number from 1 to " + std::to_string(max));
    return value.get<std::int64_t>();
}

Result<std::int64_t> ConfigReader::sizeOr(const std::string& key, std::int64_t fallback, std::int64_t max) const {
    return has(key) ? size(key, max) : Result<std::int64_t>(fallback);
}

Result<double> ConfigReader::positive(const std::string& key) const {
    if (!has(key))
        return badValue(key, "is missing");
    const Json& value = at(key);
    if (!value.is_number() || !std::isfinite(value.get<double>()) || value.get<double>() <= 0)
        return badValue(key, "must be a number above 0");
    return value.get<double>();
}

Result<double> ConfigReader::positiveOr(const std::string& key, double fallback) const {
    return has(key) ? positive(key) : Result<double>(fallback);
}

Result<bool> ConfigReader::flagOr(const std::string& key, bool fallback) const {
    if (!has(key))
        return fallback;
    if (!at(key).is_boolean())
        return badValue(key, "must be true or false");
    return at(key).get<bool>();
}

Result<std::string> ConfigReader::textOr(const std::string& key, const std::string& fallback) const {
    if (!has(key))
        return fallback;
    if (!at(key).is_string())
        return badValue(key, "must be a text");
    return at(key).get<std::string>();
}

Result<Activation> ConfigReader::activation(const std::string& key, const std::string& fallback) const {
    ATTUNE_ASSIGN(const std::string name, textOr(key, fallback));
    if (name == "silu" || name == "swish")
        return Activation::Silu;
    if (name == "gelu_new" || name == "gelu_pytorch_tanh" || name == "gelu_fast")
        return Activation::GeluTanh;
    if (name == "gelu" || name == "gelu_python")
        return Activation::GeluErf;
    if (name == "relu")
        return Activation::Relu;
    return fail(ErrorCode::Unsupported, "config.json: " + key + " \"" + name.substr(0, 60) + "\" is not known here",
                "Choose a model with silu, gelu or relu.");
}

Result<std::vector<std::int64_t>> ConfigReader::ids(const std::string& key) const {
    std::vector<std::int64_t> ids;
    if (!has(key))
        return ids;
    const Json& value = at(key);
    const auto take = [&](const Json& item) {
        if (!item.is_number_integer() || item.get<double>() < 0 || item.get<double>() >= 0x1.0p31)
            return false;
        ids.push_back(item.get<std::int64_t>());
        return true;
    };
    const bool good = value.is_array() ? std::all_of(value.begin(), value.end(), take) : take(value);
    // -1 is written by some exporters for "none".
    if (!good && value.is_number_integer() && value.get<double>() == -1)
        return ids;
    if (!good)
        return badValue(key, "must be a token id or a list of them");
    return ids;
}

Status ConfigReader::refuseUnknownMathematics(const std::set<std::string_view>& known) const {
    if (has("quantization_config")) {
        const Json& quantised = at("quantization_config");
        const auto says = [&](const char* key, const Json& value) {
            const auto found = quantised.is_object() ? quantised.find(key) : quantised.end();
            return quantised.is_object() && found != quantised.end() && *found == value;
        };
        if (!says("load_in_4bit", true) || !says("bnb_4bit_quant_type", "nf4") || says("load_in_8bit", true))
            return fail(ErrorCode::Unsupported, "config.json: quantization_config: the weights are quantised in a way not known here",
                        "Choose the unquantised version of the model, or one in 4 bits (bitsandbytes, nf4).");
    }
    for (const auto& [key, value] : m_config.items()) {
        if (key == "quantization_config" || known.contains(key) || std::find(kBookkeeping.begin(), kBookkeeping.end(), key) != kBookkeeping.end() ||
            saysOff(value))
            continue;
        const bool mathematics = std::any_of(kMathematics.begin(), kMathematics.end(), [&key = key](std::string_view part) {
            return key.find(part) != std::string::npos;
        });
        if (mathematics)
            return fail(ErrorCode::Unsupported,
                        "config.json: the key " + key.substr(0, 80) +
                            " changes what the network computes and is not known here",
                        "Choose another model, or a release of this program that knows it.");
    }
    return {};
}

Status readCommonConfig(const Json& config, ModelConfig& result) {
    const ConfigReader reader(config);
    ATTUNE_ASSIGN(result.vocabularySize, reader.size("vocab_size", std::int64_t{1} << 24));
    ATTUNE_ASSIGN(result.torchDtype, reader.textOr(reader.has("dtype") ? "dtype" : "torch_dtype", "float32"));
    ATTUNE_ASSIGN(const std::vector<std::int64_t> bos, reader.ids("bos_token_id"));
    ATTUNE_ASSIGN(const std::vector<std::int64_t> pad, reader.ids("pad_token_id"));
    ATTUNE_ASSIGN(result.eosIds, reader.ids("eos_token_id"));
    if (!bos.empty())
        result.bosId = bos.front();
    if (!pad.empty())
        result.padId = pad.front();
    return {};
}

} // namespace attune
