#include <algorithm>

#include "core/families/config_reader.h"
#include "core/families/model_family.h"

namespace attune {

namespace {

// A reward model is a language model with a head that gives one number.
std::string withoutClassifier(std::string architecture) {
    constexpr std::string_view kClassifier = "ForSequenceClassification";
    if (!architecture.ends_with(kClassifier))
        return architecture;
    architecture.resize(architecture.size() - kClassifier.size());
    for (const char* ending : {"ForCausalLM", "LMHeadModel"})
        if (findFamily(architecture + ending))
            return architecture + ending;
    return architecture + std::string(kClassifier);
}

Result<const ModelFamily*> familyOf(const Json& config) {
    const auto listed = config.find("architectures");
    std::string name, what = "architecture ";
    const ModelFamily* family = nullptr;
    if (listed != config.end() && listed->is_array() && !listed->empty() && listed->front().is_string()) {
        name = withoutClassifier(listed->front().get<std::string>());
        family = findFamily(name);
    } else { // old and hand-made exports name only the type, which is the family's id
        ATTUNE_ASSIGN(name, ConfigReader(config).textOr("model_type", ""));
        if (name.empty())
            return fail(ErrorCode::InvalidData, "config.json: architectures and model_type are missing",
                        "Download the model's config.json again.");
        what = "model type ";
        for (const auto& each : builtinFamilies())
            if (each->id() == name || each->id() + "_text" == name)
                family = each.get();
    }
    if (family)
        return family;
    std::string known;
    for (const auto& each : builtinFamilies())
        known += (known.empty() ? "" : ", ") + each->id();
    return fail(ErrorCode::Unsupported, "config.json: the " + what + name.substr(0, 80) + " is not known here",
                "Choose a model of one of these families: " + known + ".");
}

Result<ModelConfig> readBoth(const ModelSource& source) {
    ATTUNE_ASSIGN(const ModelFamily* family, familyOf(source.config()));
    ATTUNE_ASSIGN(ModelConfig config, family->readConfig(source.config()));
    config.packedWeights = source.config().contains("quantization_config"); // a family refuses every other kind
    if (source.generationConfig()) {
        ATTUNE_ASSIGN(const std::vector<std::int64_t> more,
                      ConfigReader(*source.generationConfig()).ids("eos_token_id"));
        for (const std::int64_t id : more)
            if (std::find(config.eosIds.begin(), config.eosIds.end(), id) == config.eosIds.end())
                config.eosIds.push_back(id);
    }
    return config;
}

} // namespace

Result<ModelConfig> readModelConfig(const ModelSource& source) {
    auto config = readBoth(source);
    if (!config) { // the families speak of "config.json"; here its folder is known
        Error error = std::move(config).error();
        error.message = source.folder().string() + (source.gguf() ? " (as a " : "/") + error.message + (source.gguf() ? ")" : "");
        return fail(std::move(error));
    }
    return config;
}

} // namespace attune
