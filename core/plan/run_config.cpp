#include "core/plan/run_config.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <optional>

#include <yaml-cpp/emitter.h>

#include "core/plan/data_fit.h"
#include "core/plan/param_check.h"
#include "core/plan/presets.h"
#include "core/plan/protection_check.h"
#include "core/plan/recipe_yaml.h"

namespace attune {

namespace {

// The five places where a recipe names a registry entry, in one table for reading, writing, checking and --set.
struct Section {
    const char* name;
    Choice RunConfig::*choice;
    std::vector<const Described*> (*entries)(const Catalog&);
};

template <class T>
std::vector<const Described*> descriptions(const std::vector<T>& entries) {
    std::vector<const Described*> result;
    for (const T& entry : entries)
        if constexpr (std::is_same_v<T, Described>)
            result.push_back(&entry);
        else
            result.push_back(&entry.description);
    return result;
}

const std::array<Section, 5>& sections() {
    static const std::array<Section, 5> table{{
        {"method", &RunConfig::method, [](const Catalog& c) { return descriptions(c.methods); }},
        {"objective", &RunConfig::objective, [](const Catalog& c) { return descriptions(c.objectives); }},
        {"optimizer", &RunConfig::optimizer, [](const Catalog& c) { return descriptions(c.optimizers); }},
        {"schedule", &RunConfig::schedule, [](const Catalog& c) { return descriptions(c.schedules); }},
        {"protection", &RunConfig::protection, [](const Catalog& c) { return descriptions(c.protections); }},
    }};
    return table;
}

const std::vector<std::string> kTopKeys{"name",      "model",     "start",    "data",       "method",
                                        "objective", "optimizer", "schedule", "protection", "training"};

std::string list(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words)
        text += (text.empty() ? "" : ", ") + word;
    return text;
}

Error unknownName(const std::string& field, const std::string& name, const char* kind,
                  const std::vector<std::string>& allowed) {
    const std::string near = nearestWord(name, allowed);
    return {ErrorCode::InvalidData, field + ": there is no " + kind + " \"" + name.substr(0, 80) + "\"",
            (near.empty() ? "" : "Did you mean " + near + "? ") +
                (allowed.empty() ? "Nothing can be set here." : "Allowed: " + list(allowed) + ".")};
}

std::vector<std::string> keysOf(const std::vector<ParamSpec>& specs) {
    std::vector<std::string> keys;
    for (const ParamSpec& spec : specs)
        keys.push_back(spec.key);
    return keys;
}

Result<const Described*> findEntry(const Section& section, const Catalog& catalog, const std::string& id) {
    static const Described none{"none", "None", "", {}}; // an engine without protections still reads recipes that want none
    if (section.choice == &RunConfig::protection && id == none.id && catalog.protections.empty())
        return &none;
    std::vector<std::string> ids;
    for (const Described* entry : section.entries(catalog)) {
        if (entry->id == id)
            return entry;
        ids.push_back(entry->id);
    }
    return fail(unknownName(section.name, id, section.name, ids));
}

// One value of the section `data`, from text.
Status setData(DataChoice& data, const std::string& key, const std::string& text) {
    if (key == "train")
        data.train = text;
    else if (key == "validation")
        data.validation = text;
    else if (key == "test")
        data.test = text;
    else if (key == "general")
        data.general = text;
    else if (key == "format")
        data.format = text;
    else if (key == "validation_share") {
        ParamSpec spec;
        spec.defaultValue = 0.1, spec.min = 0, spec.max = 0.9;
        ATTUNE_ASSIGN(const ParamValue value, parseParam(spec, text, "data.validation_share"));
        data.validationShare = std::get<double>(value);
    } else if (key == "dataset_version") {
        ParamSpec spec;
        spec.defaultValue = std::int64_t{0}, spec.min = 0;
        ATTUNE_ASSIGN(const ParamValue value, parseParam(spec, text, "data.dataset_version"));
        data.datasetVersion = std::get<std::int64_t>(value);
    } else
        return fail(unknownName("data", key, "key", dataKeys()));
    return {};
}

Result<ParamValue> valueOf(const ParamSpec& spec, const RecipeNode& node, const std::string& field) {
    const bool wantsList = std::holds_alternative<std::vector<std::string>>(spec.defaultValue);
    switch (node.kind) {
    case RecipeNode::Kind::Null:
        return spec.defaultValue;
    case RecipeNode::Kind::Scalar:
        return parseParam(spec, node.text, field);
    case RecipeNode::Kind::List:
        if (wantsList) {
            std::vector<std::string> values;
            for (const RecipeNode& entry : node.list) {
                if (entry.kind != RecipeNode::Kind::Scalar)
                    return fail(ErrorCode::InvalidData, field + " must be a list of texts",
                                "Write one text per line after a dash.");
                values.push_back(entry.text);
            }
            ParamValue value = std::move(values);
            ATTUNE_CHECK(checkParam(spec, value, field));
            return value;
        }
        [[fallthrough]];
    case RecipeNode::Kind::Map:
        break;
    }
    return fail(ErrorCode::InvalidData, field + " must be one value", "Write \"" + spec.key + ": value\" on one line.");
}

Status readParams(ParamMap& params, const std::vector<ParamSpec>& specs, const RecipeNode& node,
                  const std::string& section) {
    for (const auto& [key, value] : node.entries) {
        if (key == "id" && section != "training")
            continue;
        const ParamSpec* spec = findParam(specs, key);
        if (!spec)
            return fail(unknownName(section, key, "setting", keysOf(specs)));
        ATTUNE_ASSIGN(params[key], valueOf(*spec, value, section + "." + key));
    }
    return {};
}

Status readChoice(RunConfig& config, const Section& section, const RecipeNode& node, const Catalog& catalog) {
    Choice& choice = config.*section.choice;
    if (node.kind == RecipeNode::Kind::Scalar)
        choice = {node.text, {}};
    else if (node.kind == RecipeNode::Kind::Map)
        for (const auto& [key, value] : node.entries)
            if (key == "id")
                choice = {value.text, {}};
    ATTUNE_ASSIGN(const Described* entry, findEntry(section, catalog, choice.id));
    if (node.kind == RecipeNode::Kind::List)
        return fail(ErrorCode::InvalidData, std::string(section.name) + " must be a section, not a list",
                    "Write \"id: " + choice.id + "\" below it.");
    return readParams(choice.params, entry->params, node, section.name);
}

Status readEntry(RunConfig& config, const std::string& key, const RecipeNode& node, const Catalog& catalog) {
    if (key == "name" || key == "model" || key == "start") {
        if (node.kind == RecipeNode::Kind::List || node.kind == RecipeNode::Kind::Map)
            return fail(ErrorCode::InvalidData, key + " must be one text", "Write \"" + key + ": ...\" on one line.");
        (key == "name" ? config.name : key == "model" ? config.model : config.start) = node.text;
        return {};
    }
    if (key == "data") {
        if (node.kind != RecipeNode::Kind::Map && node.kind != RecipeNode::Kind::Null)
            return fail(ErrorCode::InvalidData, "data must be a section",
                        "Write \"train: FILE\" indented below \"data:\".");
        for (const auto& [name, value] : node.entries) {
            if (value.kind == RecipeNode::Kind::List || value.kind == RecipeNode::Kind::Map)
                return fail(ErrorCode::InvalidData, "data." + name + " must be one value", "Name one file.");
            if (value.kind == RecipeNode::Kind::Scalar)
                ATTUNE_CHECK(setData(config.data, name, value.text));
        }
        return {};
    }
    for (const Section& section : sections())
        if (key == section.name)
            return readChoice(config, section, node, catalog);
    if (key == "training") {
        if (node.kind != RecipeNode::Kind::Map && node.kind != RecipeNode::Kind::Null)
            return fail(ErrorCode::InvalidData, "training must be a section",
                        "Write \"epochs: 3\" indented below \"training:\".");
        return readParams(config.training, trainingParams().params, node, "training");
    }
    return fail(unknownName("recipe", key, "section", kTopKeys));
}

void emitParams(YAML::Emitter& out, const ParamMap& params) {
    for (const auto& [key, value] : params) {
        out << YAML::Key << key << YAML::Value;
        if (const auto* text = std::get_if<std::string>(&value))
            out << YAML::DoubleQuoted << *text;
        else if (const auto* entries = std::get_if<std::vector<std::string>>(&value)) {
            out << YAML::Flow << YAML::BeginSeq;
            for (const std::string& entry : *entries)
                out << YAML::DoubleQuoted << entry;
            out << YAML::EndSeq;
        } else
            out << paramText(value); // numbers in their shortest exact form, not in the emitter's
    }
}

} // namespace

const std::vector<std::string>& dataKeys() {
    static const std::vector<std::string> keys{"train", "validation", "test", "general", "format", "validation_share", "dataset_version"};
    return keys;
}

Result<RunConfig> parseRunConfig(std::string_view yaml, const Catalog& catalog, std::string_view what) {
    ATTUNE_ASSIGN(const RecipeNode root, parseRecipeTree(yaml, what));
    if (root.kind != RecipeNode::Kind::Map)
        return fail(ErrorCode::InvalidData, std::string(what) + " is not a recipe",
                    "A recipe has the sections " + list(kTopKeys) + ".");
    RunConfig config;
    for (const auto& [key, node] : root.entries)
        if (auto status = readEntry(config, key, node, catalog); !status) {
            Error error = std::move(status).error();
            error.code = ErrorCode::InvalidData;
            error.message = std::string(what) + ", line " + std::to_string(node.line) + ": " + error.message;
            return fail(std::move(error));
        }
    return config;
}

Result<RunConfig> readRunConfig(const fs::path& file, const Catalog& catalog) {
    ATTUNE_ASSIGN(const std::string text, readFile(file, kMaxRecipeBytes));
    ATTUNE_ASSIGN(RunConfig config, parseRunConfig(text, catalog, file.string()));
    std::error_code code;
    resolvePaths(config, fs::absolute(file, code).parent_path());
    return config;
}

void resolvePaths(RunConfig& config, const fs::path& folder) {
    std::vector<std::string*> paths{&config.model, &config.start, &config.data.train, &config.data.validation, &config.data.test, &config.data.general};
    if (const auto found = config.objective.params.find("reward_model"); found != config.objective.params.end())
        if (auto* name = std::get_if<std::string>(&found->second))
            paths.push_back(name);
    for (std::string* path : paths)
        if (!path->empty() && fs::path(*path).is_relative())
            *path = (folder / *path).lexically_normal().string();
}

std::string toYaml(const RunConfig& config) {
    YAML::Emitter out;
    out << YAML::BeginMap;
    const auto text = [&out](const char* key, const std::string& value) {
        if (!value.empty())
            out << YAML::Key << key << YAML::Value << YAML::DoubleQuoted << value;
    };
    text("name", config.name);
    text("model", config.model);
    text("start", config.start);
    out << YAML::Key << "data" << YAML::Value << YAML::BeginMap;
    text("train", config.data.train);
    text("validation", config.data.validation);
    text("test", config.data.test);
    text("general", config.data.general);
    text("format", config.data.format);
    out << YAML::Key << "validation_share" << YAML::Value << paramText(config.data.validationShare);
    if (config.data.datasetVersion != 0)
        out << YAML::Key << "dataset_version" << YAML::Value << config.data.datasetVersion;
    out << YAML::EndMap;
    for (const Section& section : sections()) {
        const Choice& choice = config.*section.choice;
        if (section.choice == &RunConfig::protection && choice == Choice{"none", {}})
            continue; // recipes of earlier versions stay the same text
        out << YAML::Key << section.name << YAML::Value << YAML::BeginMap;
        out << YAML::Key << "id" << YAML::Value << YAML::DoubleQuoted << choice.id;
        emitParams(out, choice.params);
        out << YAML::EndMap;
    }
    if (!config.training.empty()) {
        out << YAML::Key << "training" << YAML::Value << YAML::BeginMap;
        emitParams(out, config.training);
        out << YAML::EndMap;
    }
    out << YAML::EndMap;
    return std::string(out.c_str()) + "\n";
}

Status setByPath(RunConfig& config, std::string_view assignment, const Catalog& catalog) {
    const auto equals = assignment.find('=');
    if (equals == std::string_view::npos || equals == 0)
        return fail(ErrorCode::InvalidArgument,
                    "\"" + std::string(assignment.substr(0, 80)) + "\" is not an assignment",
                    "Write section.key=value, for example training.learning_rate=1e-4.");
    const std::string path(assignment.substr(0, equals)), value(assignment.substr(equals + 1));
    const auto dot = path.find('.');
    const std::string section = path.substr(0, dot), key = dot == std::string::npos ? "" : path.substr(dot + 1);
    if (key.empty() && (section == "name" || section == "model" || section == "start")) {
        (section == "name" ? config.name : section == "model" ? config.model : config.start) = value;
        return {};
    }
    if (section == "data")
        return setData(config.data, key, value);
    const auto assign = [&](ParamMap& params, const std::vector<ParamSpec>& specs) -> Status {
        const ParamSpec* spec = findParam(specs, key);
        if (!spec)
            return fail(unknownName(section, key, "setting", keysOf(specs)));
        ATTUNE_ASSIGN(params[key], parseParam(*spec, value, path));
        return {};
    };
    if (section == "training")
        return assign(config.training, trainingParams().params);
    for (const Section& entry : sections()) {
        Choice& choice = config.*entry.choice;
        if (section != entry.name && section != choice.id)
            continue;
        if (section == entry.name && (key == "id" || key.empty())) {
            ATTUNE_CHECK(findEntry(entry, catalog, value));
            if (choice.id != value)
                choice = {value, {}}; // settings of another entry would not fit
            return {};
        }
        ATTUNE_ASSIGN(const Described* found, findEntry(entry, catalog, choice.id));
        return assign(choice.params, found->params);
    }
    std::string forgotten; // the section, as in "learning_rate=1e-4"
    if (findParam(trainingParams().params, path))
        forgotten = "training.";
    for (const Section& entry : sections())
        if (const auto found = findEntry(entry, catalog, (config.*entry.choice).id); found && findParam((*found)->params, path))
            forgotten = std::string(entry.name) + ".";
    if (!forgotten.empty())
        return fail(ErrorCode::InvalidArgument, "\"" + path + "\" names no section of the recipe", "Write " + forgotten + path + "=" + value + ".");
    std::vector<std::string> allowed = kTopKeys;
    for (const Section& entry : sections())
        allowed.push_back((config.*entry.choice).id);
    return fail(unknownName(path, section, "section", allowed));
}

namespace {

// An objective that learns from rewards needs something that says which answers are good: a weight above zero or a reward model.
std::optional<Complaint> missingReward(const ObjectiveEntry& objective, const ParamMap& params) {
    const std::vector<ParamSpec>& specs = objective.description.params;
    std::string weights, first;
    for (const ParamSpec& spec : specs) {
        if (spec.key == "reward_model") {
            const auto given = params.find(spec.key);
            const auto* folder = given == params.end() ? nullptr : std::get_if<std::string>(&given->second);
            if (folder && !folder->empty())
                return std::nullopt;
        }
        if (!spec.key.ends_with("_weight"))
            continue;
        if (paramDouble(params, specs, spec.key) != 0)
            return std::nullopt;
        first = first.empty() ? spec.key : first;
        weights += (weights.empty() ? "" : ", ") + spec.label + " (objective." + spec.key + ")";
    }
    if (weights.empty())
        return std::nullopt;
    return Complaint{Complaint::Severity::Error, "objective." + first, "Nothing says which answers are good: no reward has a weight, and there is no reward model",
                     "Give at least one reward a weight: " + weights + (findParam(specs, "reward_model") ? "; or name a reward model (objective.reward_model)." : ".")};
}

constexpr double kUsualWidth = 2048; // hidden size of the 1 to 2 B models that the usual learning rates are known from
constexpr double kNarrow = 4; // times narrower than that: a small model
constexpr double kHighRate = 4, kHighRateOfPractice = 16, kMostEpochs = 10, kEndlessEpochs = 50;

using AddComplaint = std::function<void(Complaint::Severity, std::string field, std::string message, std::string hint)>;

// Settings that are allowed and yet seldom right.
void adviseOnTraining(const RunConfig& config, const Catalog& catalog, std::int64_t hiddenSize, const AddComplaint& add) {
    const auto& specs = trainingParams().params;
    const auto titleOf = [](const auto& entries, const std::string& id) {
        for (const auto& entry : entries)
            if (entry.description.id == id)
                return entry.description.title;
        return id;
    };
    // Adam's best rate falls with the width of the matrices (Yang et al. 2022, Tensor Programs V): what is high for a
    // large model is right for a small one. With the starter model, 256 wide, 0.004 was best (tests/bench/RESULTS.md).
    const double narrow = hiddenSize > 0 ? std::clamp(kUsualWidth / static_cast<double>(hiddenSize), 1.0, 16.0) : 1;
    for (const auto& [key, recommended] : recommendedTraining(config.method.id, config.objective.id)) {
        // Lion moves every weight by the whole rate: a third to a tenth of AdamW's is usual (Chen et al. 2023).
        const bool lion = config.optimizer.id == "lion";
        const double value = effectiveLearningRate(config), usual = std::get<double>(recommended) / (lion ? 8 : 1);
        // Practice moves little at best, as what is learned is what the model happens to write: at a large model's rate a small one stays where
        // it was. The starter model needed 0.001 with LoRA (tests/bench/RESULTS.md).
        const ObjectiveEntry* objective = findObjectiveEntry(catalog, config.objective.id);
        const bool practice = objective && objective->ownAnswers && narrow >= kNarrow;
        const double high = practice ? kHighRateOfPractice : kHighRate;
        if (practice && value < usual * narrow) {
            char fitting[64];
            std::snprintf(fitting, sizeof fitting, "%.1g to %.1g", usual * narrow, high * usual * narrow);
            add(Complaint::Severity::Warning, "training." + key,
                "The learning rate " + paramText(value) + " is low for practice with a model as small as this one: its answers may hardly change",
                "Set " + std::string(fitting) + ".");
        }
        if (value <= high * usual * narrow)
            continue;
        std::string hint = "Usual is " + paramText(usual);
        if (narrow > 1) {
            char most[32];
            std::snprintf(most, sizeof most, "%.1g", usual * narrow);
            hint += ", for a model as small as this one up to about " + std::string(most);
        }
        add(Complaint::Severity::Warning, "training." + key,
            "The learning rate " + paramText(value) + " is high for " + titleOf(catalog.methods, config.method.id) +
                (config.objective.id == "sft" ? "" : " and " + titleOf(catalog.objectives, config.objective.id)) + (lion ? " with Lion" : ""),
            hint + ".");
    }
    // The best checkpoint by validation is the run's result: with validation rows many epochs cost time, not quality.
    const bool blind = config.data.datasetVersion == 0 && config.data.validation.empty() && config.data.validationShare == 0;
    const double epochs = paramDouble(config.training, specs, "epochs");
    if (paramInt(config.training, specs, "max_steps") != 0)
        return;
    if (blind && epochs > kMostEpochs)
        add(Complaint::Severity::Warning, "training.epochs",
            paramText(epochs) + " epochs usually make a model learn rows by heart, and no validation rows show when",
            "3 to 5 are usual; set rows aside for validation when you need more.");
    else if (epochs > kEndlessEpochs && paramInt(config.training, specs, "early_stopping_patience") == 0)
        add(Complaint::Severity::Warning, "training.epochs", paramText(epochs) + " epochs take long, and nothing ends them when validation gets no better",
            "Set early stopping to 3 or 4 validations.");
}

} // namespace

std::vector<Complaint> checkRunConfig(const RunConfig& config, const Catalog& catalog, std::int64_t hiddenSize) {
    using Severity = Complaint::Severity;
    std::vector<Complaint> complaints;
    const auto add = [&](Severity severity, std::string field, std::string message, std::string hint) {
        complaints.push_back({severity, std::move(field), std::move(message), std::move(hint)});
    };
    const auto checkAll = [&](const ParamMap& params, const std::vector<ParamSpec>& specs, const std::string& section) {
        for (const auto& [key, value] : params) {
            const std::string field = section + "." + key;
            const ParamSpec* spec = findParam(specs, key);
            // Named as the form names it, and as the recipe does.
            const std::string shown = spec && !spec->label.empty() ? spec->label + " (" + field + ")" : field;
            const Status status = spec ? checkParam(*spec, value, shown)
                                       : Status(fail(unknownName(section, key, "setting", keysOf(specs))));
            if (!status)
                add(Severity::Error, field, status.error().message, status.error().hint);
        }
    };
    if (config.model.empty())
        add(Severity::Error, "model", "No base model is chosen", "Choose a model folder.");
    const bool files = !config.data.train.empty();
    if (!files && config.data.datasetVersion == 0)
        add(Severity::Error, "data.train", "No training data is chosen", "Choose a file or a data version.");
    if (files && config.data.datasetVersion != 0)
        add(Severity::Error, "data.train", "Both a file and a data version are chosen", "Keep one of the two.");
    if (!(config.data.validationShare >= 0 && config.data.validationShare <= 0.9))
        add(Severity::Error, "data.validation_share",
            "The validation share cannot be " + paramText(config.data.validationShare), "Allowed: from 0 to 0.9.");
    else if (config.data.validation.empty() && config.data.validationShare == 0 && config.data.datasetVersion == 0)
        add(Severity::Warning, "data.validation_share", "Nothing is set aside for validation",
            "Without it nobody sees when the model starts to learn by heart; 0.1 is usual.");
    for (const Section& section : sections()) {
        const Choice& choice = config.*section.choice;
        if (auto entry = findEntry(section, catalog, choice.id); !entry)
            add(Severity::Error, section.name, entry.error().message, entry.error().hint);
        else
            checkAll(choice.params, (*entry)->params, section.name);
    }
    checkAll(config.training, trainingParams().params, "training");
    if (const ObjectiveEntry* objective = findObjectiveEntry(catalog, config.objective.id); objective && objective->ownAnswers)
        if (auto missing = missingReward(*objective, config.objective.params))
            complaints.push_back(std::move(*missing));
    for (Complaint& complaint : checkProtection(config, catalog))
        complaints.push_back(std::move(complaint));
    const auto unreadable = [](const Complaint& complaint) { return complaint.field.starts_with("training."); };
    if (std::any_of(complaints.begin(), complaints.end(), unreadable))
        return complaints; // the advice below reads values that must be valid

    adviseOnTraining(config, catalog, hiddenSize, add);
    return complaints;
}

} // namespace attune
