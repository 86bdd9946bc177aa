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

Result<std::string> architectureOf(const Json& config) {
    const auto listed = config.find("architectures");
    if (listed != config.end() && listed->is_array() && !listed->empty() && listed->front().is_string())
        return withoutClassifier(listed->front().get<std::string>());
    // Old exports name only the type.
    ATTUNE_ASSIGN(const std::string type, ConfigReader(config).textOr("model_type", ""));
    if (type == "llama")
        return std::string("LlamaForCausalLM");
    if (type == "gpt2")
        return std::string("GPT2LMHeadModel");
    if (!type.empty())
        return type;
    return fail(ErrorCode::InvalidData, "config.json: architectures is missing",
                "Download the model's config.json again.");
}

Result<ModelConfig> readBoth(const ModelSource& source) {
    ATTUNE_ASSIGN(const std::string architecture, architectureOf(source.config()));
    const ModelFamily* family = findFamily(architecture);
    if (!family) {
        std::string known;
        for (const auto& each : builtinFamilies())
            known += (known.empty() ? "" : ", ") + each->id();
        return fail(ErrorCode::Unsupported,
                    "config.json: the architecture " + architecture.substr(0, 80) + " is not known here",
                    "Choose a model of one of these families: " + known + ".");
    }
    ATTUNE_ASSIGN(ModelConfig config, family->readConfig(source.config()));
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
