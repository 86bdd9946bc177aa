#include "core/families/encoder_family.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/families/config_reader.h"

namespace attune {

namespace {

constexpr const char* kHint = "Choose a sentence-embedding model of the BERT, RoBERTa or DistilBERT family.";

// model_type -> our family.
std::string familyOfType(std::string_view type) {
    if (type == "roberta" || type == "xlm-roberta" || type == "camembert")
        return "roberta";
    return type == "bert" || type == "distilbert" ? std::string(type) : std::string();
}

Result<EncoderConfig> readBert(const Json& config, EncoderConfig result) {
    const ConfigReader reader(config);
    ATTUNE_CHECK(reader.refuseUnknownMathematics({"vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
                                                  "max_position_embeddings", "type_vocab_size", "layer_norm_eps", "hidden_act",
                                                  "position_embedding_type", "attention_probs_dropout_prob"}));
    ATTUNE_ASSIGN(const std::string positions, reader.textOr("position_embedding_type", "absolute"));
    ATTUNE_ASSIGN(const bool decoder, reader.flagOr("is_decoder", false));
    if (positions != "absolute" || decoder)
        return fail(ErrorCode::Unsupported,
                    decoder ? std::string("config.json: is_decoder: it continues texts and gives no embeddings")
                            : "config.json: position_embedding_type " + positions.substr(0, 40) + " is not known here",
                    kHint);
    ATTUNE_ASSIGN(result.hiddenSize, reader.size("hidden_size", kMaxSize));
    ATTUNE_ASSIGN(result.layers, reader.size("num_hidden_layers", 10000));
    ATTUNE_ASSIGN(result.heads, reader.size("num_attention_heads", kMaxSize));
    ATTUNE_ASSIGN(result.intermediateSize, reader.size("intermediate_size", kMaxSize * 8));
    ATTUNE_ASSIGN(result.positions, reader.size("max_position_embeddings", std::int64_t{1} << 24));
    ATTUNE_ASSIGN(result.tokenTypes, reader.sizeOr("type_vocab_size", 2, kMaxSize));
    ATTUNE_ASSIGN(result.normEpsilon, reader.positiveOr("layer_norm_eps", 1e-12));
    ATTUNE_ASSIGN(result.activation, reader.activation("hidden_act", "gelu"));
    if (result.familyId == "roberta") {
        ATTUNE_ASSIGN(const std::vector<std::int64_t> pad, reader.ids("pad_token_id"));
        result.positionOffset = (pad.empty() ? 1 : pad.front()) + 1;
    }
    return result;
}

Result<EncoderConfig> readDistilBert(const Json& config, EncoderConfig result) {
    const ConfigReader reader(config);
    ATTUNE_CHECK(reader.refuseUnknownMathematics(
        {"vocab_size", "dim", "n_layers", "n_heads", "hidden_dim", "max_position_embeddings", "activation", "attention_dropout"}));
    ATTUNE_ASSIGN(result.hiddenSize, reader.size("dim", kMaxSize));
    ATTUNE_ASSIGN(result.layers, reader.size("n_layers", 10000));
    ATTUNE_ASSIGN(result.heads, reader.size("n_heads", kMaxSize));
    ATTUNE_ASSIGN(result.intermediateSize, reader.size("hidden_dim", kMaxSize * 8));
    ATTUNE_ASSIGN(result.positions, reader.size("max_position_embeddings", std::int64_t{1} << 24));
    ATTUNE_ASSIGN(result.activation, reader.activation("activation", "gelu"));
    return result;
}

// A small JSON object of the folder; an empty one where the file is missing.
Result<Json> optionalObject(const fs::path& path) {
    std::error_code error;
    if (!fs::exists(path, error))
        return Json::object();
    JsonLimits limits;
    limits.maxBytes = 1 << 20;
    return readJsonFile(path, limits);
}

tl::unexpected<Error> unknownModule(const fs::path& path, const std::string& what) {
    return fail(ErrorCode::Unsupported, path.string() + ": " + what + " is not known here", kHint);
}

Status readPooling(const fs::path& folder, EncoderConfig& result) {
    const fs::path path = folder / "config.json";
    ATTUNE_ASSIGN(const Json pooling, optionalObject(path));
    if (!pooling.is_object())
        return fail(ErrorCode::InvalidData, path.string() + " is not a JSON object", "Download it again.");
    constexpr std::array<std::pair<const char*, Pooling>, 3> kModes{
        {{"pooling_mode_mean_tokens", Pooling::Mean}, {"pooling_mode_cls_token", Pooling::First}, {"pooling_mode_max_tokens", Pooling::Max}}};
    int chosen = 0;
    for (const auto& [key, value] : pooling.items()) {
        if (!key.starts_with("pooling_mode_") || value != true)
            continue;
        const auto* mode = std::find_if(kModes.begin(), kModes.end(), [&key = key](const auto& each) { return each.first == key; });
        if (mode == kModes.end())
            return unknownModule(path, key.substr(0, 60));
        result.pooling = mode->second;
        ++chosen;
    }
    if (chosen > 1)
        return unknownModule(path, "more than one kind of pooling at once");
    return {};
}

// modules.json of sentence-transformers: Transformer, Pooling, perhaps Normalize; their vectors are normalised here in any case.
Status readModules(const fs::path& folder, EncoderConfig& result) {
    const fs::path path = folder / "modules.json";
    ATTUNE_ASSIGN(const Json modules, optionalObject(path));
    for (const Json& module : modules) {
        if (!module.is_object() || !module.contains("type") || !module["type"].is_string())
            return fail(ErrorCode::InvalidData, path.string() + ": a module has no type", "Download it again.");
        const std::string type = module["type"], kind = type.substr(type.rfind('.') + 1);
        if (kind == "Pooling") {
            const Json place = module.value("path", Json("1_Pooling"));
            const std::string name = place.is_string() ? place.get<std::string>() : std::string();
            if (name.empty() || name.find('/') != std::string::npos || name == ".." || name == ".")
                return fail(ErrorCode::InvalidData, path.string() + ": the path of the pooling is not a folder's name", "Download it again.");
            ATTUNE_CHECK(readPooling(folder / name, result));
        } else if (kind != "Transformer" && kind != "Normalize") {
            return unknownModule(path, "the module " + kind.substr(0, 60));
        }
    }
    return {};
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kOutsideBlocks{{{"words", "embeddings.word_embeddings.weight"},
                                                                                 {"positions", "embeddings.position_embeddings.weight"},
                                                                                 {"types", "embeddings.token_type_embeddings.weight"},
                                                                                 {"norm", "embeddings.LayerNorm"}}};
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kBertLayer{{{"query", "attention.self.query"},
                                                                                   {"key", "attention.self.key"},
                                                                                   {"value", "attention.self.value"},
                                                                                   {"out", "attention.output.dense"},
                                                                                   {"attention_norm", "attention.output.LayerNorm"},
                                                                                   {"up", "intermediate.dense"},
                                                                                   {"down", "output.dense"},
                                                                                   {"mlp_norm", "output.LayerNorm"}}};
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kDistilLayer{{{"query", "attention.q_lin"},
                                                                                     {"key", "attention.k_lin"},
                                                                                     {"value", "attention.v_lin"},
                                                                                     {"out", "attention.out_lin"},
                                                                                     {"attention_norm", "sa_layer_norm"},
                                                                                     {"up", "ffn.lin1"},
                                                                                     {"down", "ffn.lin2"},
                                                                                     {"mlp_norm", "output_layer_norm"}}};

} // namespace

bool describesEncoder(const Json& config) {
    const auto type = config.find("model_type");
    return type != config.end() && type->is_string() && !familyOfType(type->get<std::string>()).empty();
}

Result<EncoderConfig> readEncoderConfig(const ModelSource& source) {
    const Json& json = source.config();
    ATTUNE_ASSIGN(const std::string type, ConfigReader(json).textOr("model_type", ""));
    EncoderConfig config;
    config.familyId = familyOfType(type);
    if (config.familyId.empty() || source.gguf())
        return fail(ErrorCode::Unsupported,
                    source.folder().string() + " is a model of the type \"" + type.substr(0, 60) + "\", which gives no sentence embeddings here", kHint);
    ATTUNE_ASSIGN(config.vocabularySize, ConfigReader(json).size("vocab_size", std::int64_t{1} << 24));
    ATTUNE_ASSIGN(config, config.familyId == "distilbert" ? readDistilBert(json, config) : readBert(json, config));
    if (config.hiddenSize % config.heads != 0 || config.positions <= config.positionOffset)
        return fail(ErrorCode::InvalidData, "config.json: the number of heads must divide the hidden size, and there must be positions",
                    "Download the model's config.json again.");
    config.maxTokens = config.positions - config.positionOffset;
    ATTUNE_CHECK(readModules(source.folder(), config));
    ATTUNE_ASSIGN(const Json limits, optionalObject(source.folder() / "sentence_bert_config.json"));
    ATTUNE_ASSIGN(const std::int64_t wished, ConfigReader(limits).sizeOr("max_seq_length", config.maxTokens, std::int64_t{1} << 24));
    config.maxTokens = std::min(config.maxTokens, wished);
    return config;
}

std::vector<std::string> encoderTensorNames(const EncoderConfig& config, std::string_view name) {
    const bool distil = config.familyId == "distilbert";
    std::string stored, kind;
    const auto rename = [&](std::string_view part, const auto& table) {
        const auto dot = part.rfind('.');
        for (const auto& [ours, theirs] : table)
            if (part == ours || (dot != std::string_view::npos && part.substr(0, dot) == ours)) {
                kind = part == ours ? std::string_view() : part.substr(dot);
                stored += theirs;
            }
    };
    constexpr std::string_view kLayer = "layer.";
    if (name.starts_with(kLayer)) {
        const std::string_view rest = name.substr(kLayer.size());
        const auto dot = rest.find('.');
        stored = std::string(distil ? "transformer.layer." : "encoder.layer.") + std::string(rest.substr(0, dot)) + ".";
        rename(rest.substr(dot + 1), distil ? kDistilLayer : kBertLayer);
    } else {
        rename(name, kOutsideBlocks);
    }
    std::vector<std::string> names;
    for (const std::string& prefix : {std::string(), config.familyId + "."})
        names.push_back(prefix + stored + kind);
    if (stored.ends_with("LayerNorm")) // exports of the first years
        for (const std::string& prefix : {std::string(), config.familyId + "."})
            names.push_back(prefix + stored + (kind == ".weight" ? ".gamma" : ".beta"));
    return names;
}

} // namespace attune
