#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <ATen/ATen.h>

#include "core/export/peft_adapter.h"
#include "core/export/peft_prompt.h"
#include "core/export/peft_saved_modules.h"
#include "core/export/peft_token_rows.h"
#include "core/export/weight_reader.h"
#include "core/text/regex.h"

namespace attune {

namespace {

constexpr std::string_view kPrefix = "base_model.model.";
// A reward model's head, as PEFT saves it and as it is called inside a running PEFT model.
constexpr std::string_view kScoreHead = "score.weight", kWrappedScoreHead = "score.modules_to_save.default.weight";

struct Scaling {
    double alpha = 8;
    std::int64_t rank = 0; // 0: the file does not say
    bool rslora = false, dora = false;
    std::vector<std::pair<Regex, double>> alphaPattern, rankPattern; // in the file's order: the first that matches counts
};

tl::unexpected<Error> broken(const fs::path& file, const std::string& what) {
    return fail(ErrorCode::InvalidData, file.string() + ": " + what,
                "Choose an adapter that was trained on this base model.");
}

// PEFT's rule (get_pattern_key): a key is a regular expression for the module's name, or for its end after a dot.
Result<Regex> patternOf(const fs::path& file, const std::string& key) {
    return Regex::compile("\\A(?:.*\\.)?(?:" + key + ")\\z", file.string() + ": the pattern \"" + key.substr(0, 120) + "\"");
}

Result<double> patternValue(const std::vector<std::pair<Regex, double>>& patterns, const std::string& module, double fallback) {
    std::vector<TextRange> matches;
    for (const auto& [pattern, value] : patterns) {
        ATTUNE_CHECK(pattern.findAll(module, 0, matches));
        if (!matches.empty())
            return value;
    }
    return fallback;
}

Result<double> scaleOf(const Scaling& scaling, const std::string& module, std::int64_t rank) {
    ATTUNE_ASSIGN(const double alpha, patternValue(scaling.alphaPattern, module, scaling.alpha));
    const auto r = static_cast<double>(rank);
    return scaling.rslora ? alpha / std::sqrt(r) : alpha / r;
}

bool saysOff(const OrderedJson& value) {
    return value.is_null() || (value.is_boolean() && !value.get<bool>()) || ((value.is_array() || value.is_object()) && value.empty());
}

// Keys that are read, or say only how the adapter was begun, found or saved.
const std::set<std::string_view> kKnownAdapterKeys{
    "alpha_pattern", "auto_mapping", "base_model_name_or_path", "bias", "corda_config", "ensure_weight_tying", "eva_config", "exclude_modules",
    "fan_in_fan_out", "inference_mode", "init_lora_weights", "layers_pattern", "layers_to_transform", "loftq_config", "lora_alpha",
    "lora_dropout", "lora_ga_config", "megatron_core", "modules_to_save", "peft_type", "peft_version", "qalora_group_size", "r", "rank_pattern", "revision",
    "runtime_config", "target_modules", "task_type", "trainable_token_indices", "use_dora", "use_rslora"};

// Some ways of beginning an adapter take its first product off the base weights (PiSSA, OLoRA, ...): the base then differs from the file
// that the user has, and adding the adapter to that would give wrong answers.
Status checkBeginning(const fs::path& file, const OrderedJson& config) {
    const auto found = config.find("init_lora_weights");
    if (found == config.end() || !found->is_string())
        return {};
    const std::string kind = found->get<std::string>();
    if (kind == "gaussian" || kind == "eva" || kind == "orthogonal")
        return {};
    return fail(ErrorCode::Unsupported,
                file.string() + ": init_lora_weights \"" + kind.substr(0, 40) + "\" changes the base model's weights as well",
                "Convert the adapter to plain LoRA when saving it (PEFT: path_initial_model_for_weight_conversion).");
}

// modules_to_save without a reward model's head.
Result<std::set<std::string>> listedModules(const fs::path& file, const OrderedJson& config) {
    std::set<std::string> modules;
    const auto found = config.find("modules_to_save");
    if (found == config.end() || found->is_null())
        return modules;
    if (!found->is_array() || !std::all_of(found->begin(), found->end(), [](const OrderedJson& module) { return module.is_string(); }))
        return broken(file, "modules_to_save is not a list of names");
    for (const OrderedJson& module : *found)
        if (module != "score" && module != "classifier")
            modules.insert(module.get<std::string>());
    return modules;
}

Result<OrderedJson> readAdapterConfig(const fs::path& file) {
    JsonLimits limits;
    limits.maxBytes = 16 << 20;
    ATTUNE_ASSIGN(const std::string content, readFile(file, limits.maxBytes));
    ATTUNE_ASSIGN(OrderedJson config, parseOrderedJson(content, file.string(), limits));
    if (!config.is_object())
        return broken(file, "it is not a JSON object");
    return config;
}

Result<Scaling> readScaling(const fs::path& file, const OrderedJson& config) {
    const auto text = [&](const char* key, const char* fallback) {
        const auto found = config.find(key);
        return found != config.end() && found->is_string() ? found->get<std::string>() : std::string(fallback);
    };
    if (text("peft_type", "LORA") != "LORA")
        return fail(ErrorCode::Unsupported,
                    file.string() + ": adapters of the kind " + text("peft_type", "").substr(0, 40) +
                        " are not known here",
                    "Choose a LoRA adapter or a trained prompt.");
    for (const auto& [key, value] : config.items())
        if (!kKnownAdapterKeys.contains(key) && !saysOff(value))
            return fail(ErrorCode::Unsupported, file.string() + ": adapters with " + key.substr(0, 80) + " are not known here",
                        "Choose a plain LoRA adapter.");
    ATTUNE_CHECK(checkBeginning(file, config));
    if (text("bias", "none") != "none")
        return fail(ErrorCode::Unsupported, file.string() + ": adapters with trained biases are not known here",
                    "Choose a plain LoRA adapter.");
    Scaling scaling;
    if (const auto dora = config.find("use_dora"); dora != config.end() && dora->is_boolean())
        scaling.dora = dora->get<bool>();
    const auto number = [](const OrderedJson& value) { return value.is_number() && std::isfinite(value.get<double>()); };
    if (const auto r = config.find("r"); r != config.end() && r->is_number_integer() && *r > 0)
        scaling.rank = r->get<std::int64_t>();
    if (const auto alpha = config.find("lora_alpha"); alpha != config.end() && !alpha->is_null()) {
        if (!number(*alpha))
            return broken(file, "lora_alpha is not a number");
        scaling.alpha = alpha->get<double>();
    }
    if (const auto rslora = config.find("use_rslora"); rslora != config.end() && rslora->is_boolean())
        scaling.rslora = rslora->get<bool>();
    for (const auto& [name, patterns] : {std::pair{"alpha_pattern", &scaling.alphaPattern}, std::pair{"rank_pattern", &scaling.rankPattern}}) {
        const auto found = config.find(name);
        if (found == config.end() || found->is_null())
            continue;
        if (!found->is_object())
            return broken(file, std::string(name) + " is not an object");
        for (const auto& [key, value] : found->items()) {
            if (!number(value))
                return broken(file, std::string(name) + " of " + key.substr(0, 120) + " is not a number");
            ATTUNE_ASSIGN(Regex pattern, patternOf(file, key));
            patterns->emplace_back(std::move(pattern), value.get<double>());
        }
    }
    return scaling;
}

struct Pair {
    const TensorInfo *a = nullptr, *b = nullptr, *magnitude = nullptr;
};

// base_model.model.<module>.lora_A[.default].weight -> module and which of the three it is; what is no part of a pair is a module saved
// whole, by the name of the base tensor it replaces.
Result<std::map<std::string, Pair>> pairTensors(const SafetensorsFile& file, std::map<std::string, const TensorInfo*>& replaced) {
    std::map<std::string, Pair> pairs;
    for (const TensorInfo& tensor : file.tensors()) {
        std::string module = tensor.name;
        if (!module.starts_with(kPrefix))
            return broken(file.path(), "tensor " + module.substr(0, 120) + " is not part of a PEFT adapter");
        module.erase(0, kPrefix.size());
        if (module == kScoreHead || module == kWrappedScoreHead || isTokenRowsTensor(module))
            continue;
        const TensorInfo* Pair::*kind = nullptr;
        for (const char* ending : {".lora_A.weight", ".lora_A.default.weight", ".lora_B.weight", ".lora_B.default.weight",
                                   ".lora_magnitude_vector", ".lora_magnitude_vector.weight", ".lora_magnitude_vector.default.weight"})
            if (module.ends_with(ending)) {
                kind = ending[6] == 'A' ? &Pair::a : ending[6] == 'B' ? &Pair::b : &Pair::magnitude;
                module.resize(module.size() - std::string_view(ending).size());
                break;
            }
        if (!kind && (module.find("lora_") != std::string::npos || !(module.ends_with(".weight") || module.ends_with(".bias"))))
            return fail(ErrorCode::Unsupported,
                        file.path().string() + ": the adapter tensor " + tensor.name.substr(0, 120) +
                            " is not known here",
                        "Choose a plain LoRA adapter on linear layers.");
        if (!kind) {
            if (!replaced.emplace(replacedTensor(tensor.name), &tensor).second)
                return broken(file.path(), "tensor " + tensor.name.substr(0, 120) + " is there twice");
            continue;
        }
        const TensorInfo*& slot = pairs[module].*kind;
        if (slot)
            return broken(file.path(), "tensor " + tensor.name.substr(0, 120) + " is there twice");
        slot = &tensor;
    }
    return pairs;
}

Result<at::Tensor> readWhole(const SafetensorsFile& file, const TensorInfo& tensor, at::ScalarType type) {
    at::Tensor target = at::empty(tensor.shape, at::TensorOptions().dtype(type));
    ATTUNE_CHECK(readStored({{&file, &tensor}, {.name = tensor.name}}, target));
    if (!at::isfinite(target).all().item<bool>())
        return fail(ErrorCode::Numerical,
                    file.path().string() + ": tensor " + tensor.name + " holds NaN or infinite numbers",
                    "Choose another checkpoint.");
    return target;
}

} // namespace

Status readPeftAdapter(const fs::path& folder, const ModelFamily& family, CausalLm& model, SavedModules saved) {
    std::error_code error;
    if (!fs::exists(folder / kPeftWeightsFile, error) && fs::exists(folder / "adapter_model.bin", error))
        return fail(ErrorCode::Unsupported,
                    (folder / "adapter_model.bin").string() + " is a format that can run code when it is opened",
                    "Ask for the adapter as adapter_model.safetensors.");
    ATTUNE_ASSIGN(const OrderedJson config, readAdapterConfig(folder / kPeftConfigFile));
    if (const auto kind = config.find("peft_type"); kind != config.end() && *kind == "PROMPT_TUNING")
        return readPeftPrompt(folder, config, model);
    ATTUNE_ASSIGN(const Scaling scaling, readScaling(folder / kPeftConfigFile, config));
    ATTUNE_ASSIGN(const std::shared_ptr<const SafetensorsFile> file, SafetensorsFile::open(folder / kPeftWeightsFile));
    std::map<std::string, const TensorInfo*> replaced;
    ATTUNE_ASSIGN(const auto pairs, pairTensors(*file, replaced));
    if (pairs.empty())
        return broken(file->path(), "it holds no adapter");
    ATTUNE_ASSIGN(const std::set<std::string> listed, listedModules(folder / kPeftConfigFile, config));
    if (saved == SavedModules::Refuse && (!replaced.empty() || !listed.empty()))
        return fail(ErrorCode::Unsupported, file->path().string() + ": the adapter changes base weights as well (modules_to_save), which others need as they are",
                    "Choose an adapter without saved modules.");
    const auto tying = config.find("ensure_weight_tying");
    ATTUNE_ASSIGN(std::vector<SavedModule> modulesToReplace,
                  readSavedModules(*file, replaced, listed, tying != config.end() && *tying == true, family, model));
    ATTUNE_ASSIGN(const std::optional<ReadTokenRows> tokenRows, readTokenRows(*file, config, family, model));
    if (tokenRows && std::any_of(modulesToReplace.begin(), modulesToReplace.end(), [&](const SavedModule& each) { return each.weight == &model.embedding; }))
        return broken(file->path(), "the embedding is saved whole, and so are single rows of it");
    std::map<std::string, std::vector<std::pair<LinearPart*, const Linear*>>> modules;
    for (Block& block : model.blocks)
        for (Linear* linear : block.linears())
            for (LinearPart& part : linear->parts)
                modules[family.peftModule(part.name, model.config())].emplace_back(&part, linear);

    struct Attached {
        LinearPart* part;
        std::unique_ptr<LoraAdapter> lora;
    };
    std::vector<Attached> attached; // put on only when all of it is good
    for (const auto& [module, pair] : pairs) {
        const auto found = modules.find(module);
        if (found == modules.end())
            return broken(file->path(), "the model has no linear layer " + module.substr(0, 120));
        if (!pair.a || !pair.b)
            return broken(file->path(), module.substr(0, 120) + " lacks its lora_" + (pair.a ? "B" : "A"));
        std::int64_t out = 0;
        for (const auto& [part, linear] : found->second)
            out += part->rows;
        const std::int64_t in = found->second.front().second->inFeatures();
        const auto& a = pair.a->shape;
        const auto& b = pair.b->shape;
        if (a.size() != 2 || b.size() != 2 || a[0] != b[1] || a[0] < 1 || a[1] != in || b[0] != out)
            return broken(file->path(), "the adapter of " + module.substr(0, 120) +
                                            " does not fit the layer, which has " + std::to_string(in) +
                                            " inputs and " + std::to_string(out) + " outputs");
        // The scale follows from the rank: the config and the tensors must agree on it.
        ATTUNE_ASSIGN(const double expectedRank, patternValue(scaling.rankPattern, module, static_cast<double>(scaling.rank)));
        if (expectedRank != 0 && expectedRank != static_cast<double>(a[0]))
            return broken(file->path(), "the adapter of " + module.substr(0, 120) + " has rank " + std::to_string(a[0]) + ", " + kPeftConfigFile +
                                            " says " + std::to_string(static_cast<std::int64_t>(expectedRank)));
        ATTUNE_ASSIGN(const double scale, scaleOf(scaling, module, a[0]));
        at::Tensor magnitude;
        if (scaling.dora != (pair.magnitude != nullptr))
            return broken(file->path(), module.substr(0, 120) + (pair.magnitude ? " has a lora_magnitude_vector, but use_dora is not set"
                                                                               : " lacks its lora_magnitude_vector (use_dora)"));
        if (pair.magnitude) {
            if (pair.magnitude->elements() != static_cast<std::uint64_t>(out))
                return broken(file->path(), "the lora_magnitude_vector of " + module.substr(0, 120) + " does not have " + std::to_string(out) + " numbers");
            ATTUNE_ASSIGN(magnitude, readWhole(*file, *pair.magnitude, model.masterType()));
            magnitude = magnitude.flatten();
        }
        ATTUNE_ASSIGN(const at::Tensor down, readWhole(*file, *pair.a, model.masterType()));
        ATTUNE_ASSIGN(const at::Tensor up, readWhole(*file, *pair.b, model.masterType()));
        for (const auto& [part, linear] : found->second) {
            auto lora = std::make_unique<LoraAdapter>();
            lora->a.name = part->name + ".lora_A.weight";
            lora->b.name = part->name + ".lora_B.weight";
            lora->a.value = found->second.size() == 1 ? down : down.clone();
            lora->b.value = up.index_select(0, at::tensor(family.diskRows(part->name, part->rows, model.config())));
            lora->scale = scale;
            if (magnitude.defined()) {
                lora->magnitude.name = part->name + ".lora_magnitude_vector";
                lora->magnitude.value = magnitude.index_select(0, at::tensor(family.diskRows(part->name, part->rows, model.config())));
                lora->magnitude.decay = false;
            }
            attached.push_back({part, std::move(lora)});
        }
    }
    at::Tensor score;
    for (const TensorInfo& tensor : file->tensors()) {
        if (tensor.name != std::string(kPrefix) + std::string(kScoreHead) && tensor.name != std::string(kPrefix) + std::string(kWrappedScoreHead))
            continue;
        if (tensor.shape != std::vector<std::int64_t>{1, model.config().hiddenSize})
            return broken(file->path(), "the score head does not fit the model, or gives more than one number");
        ATTUNE_ASSIGN(score, readWhole(*file, tensor, model.masterType()));
    }
    for (LinearPart* part : model.linearParts())
        part->lora.reset();
    if (score.defined()) {
        model.addScoreHead(0);
        model.scoreHead->value.copy_(score);
    }
    model.trainTokenRows({}); // earlier ones give their rows back before anything is replaced
    replaceWeights(std::move(modulesToReplace));
    model.trainTokenRows(tokenRows ? tokenRows->ids : std::vector<std::int64_t>{});
    if (tokenRows)
        model.tokenRows->values.value.copy_(tokenRows->values);
    for (Attached& each : attached)
        each.part->lora = std::move(each.lora);
    model.prepareAdapters();
    model.refreshComputeWeights();
    return {};
}

} // namespace attune
