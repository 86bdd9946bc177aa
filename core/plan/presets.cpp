#include "core/plan/presets.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "core/plan/param_check.h"

namespace attune {

const std::vector<Preset>& presets() {
    static const std::vector<Preset> list{
        {"quick",
         "Quick look",
         "One pass with a small adapter: is there anything to gain? Minutes instead of hours.",
         {"training.epochs=1", "training.batch_size=8", "training.early_stopping_patience=0", "lora.r=8",
          "lora.alpha=16"}},
        {"balanced",
         "Balanced",
         "Three passes and the usual adapter: the right start for most work.",
         {"training.epochs=3", "training.batch_size=8", "training.early_stopping_patience=0", "lora.r=16",
          "lora.alpha=32"}},
        {"thorough",
         "Thorough",
         "A larger adapter and more passes; stops by itself when validation stops improving.",
         {"training.epochs=6", "training.batch_size=16", "training.early_stopping_patience=4", "lora.r=32",
          "lora.alpha=64"}},
        {"gentle",
         "Gentle",
         "A third of the usual learning rate: the task is learned more slowly, and less is forgotten.",
         {"training.epochs=3", "training.batch_size=8", "training.early_stopping_patience=0", "lora.r=16",
          "lora.alpha=32"},
         1.0 / 3},
        {"very_gentle",
         "Very gentle",
         "A tenth of the usual learning rate: for small changes of manner in a model that should stay as it is.",
         {"training.epochs=3", "training.batch_size=8", "training.early_stopping_patience=0", "lora.r=16",
          "lora.alpha=32"},
         0.1},
    };
    return list;
}

const Preset* findPreset(std::string_view id) {
    const auto& list = presets();
    const auto found = std::find_if(list.begin(), list.end(), [&](const Preset& preset) { return preset.id == id; });
    return found == list.end() ? nullptr : &*found;
}

namespace {

std::string shortText(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2g", value);
    return text;
}

} // namespace

Status applyPreset(RunConfig& config, const Preset& preset, const Catalog& catalog) {
    RunConfig changed = config;
    for (const std::string& assignment : preset.assignments) {
        const std::string section = assignment.substr(0, assignment.find('.'));
        const bool ofOtherMethod = section != changed.method.id &&
                                   std::any_of(catalog.methods.begin(), catalog.methods.end(),
                                               [&](const MethodEntry& m) { return m.description.id == section; });
        if (!ofOtherMethod)
            ATTUNE_CHECK(setByPath(changed, assignment, catalog));
    }
    for (const auto& [key, value] : recommendedTraining(changed.method.id, changed.objective.id))
        changed.training[key] = value;
    double& rate = std::get<double>(changed.training["learning_rate"]);
    rate = std::strtod(shortText(rate * preset.rateFactor).c_str(), nullptr); // 6.7e-05, not 6.666666666666667e-05
    config = std::move(changed);
    return {};
}

ParamMap recommendedTraining(std::string_view methodId, std::string_view objectiveId) {
    // For an adapter; where every weight is trained a tenth: 1e-6 for DPO, KTO, ORPO, CPO, SimPO and GRPO, 3e-6 for PPO, 1e-5 for reward models,
    // as TRL's trainers have them for models of some billion parameters. Of smaller models see adviseOnTraining (run_config.cpp).
    double rate = 2e-4;
    if (objectiveId == "pretrain")
        rate = 5e-5;
    else if (objectiveId == "reward")
        rate = 1e-4;
    else if (objectiveId == "ppo")
        rate = 3e-5;
    else if (objectiveId != "sft")
        rate = 1e-5;
    if (methodId == "prompt_tuning") // a few vectors have to move far
        rate *= 50;
    return {{"learning_rate", methodId == "full" ? rate / 10 : rate}};
}

double effectiveLearningRate(const RunConfig& config) {
    if (config.training.contains("learning_rate"))
        return paramDouble(config.training, trainingParams().params, "learning_rate");
    return std::get<double>(recommendedTraining(config.method.id, config.objective.id).at("learning_rate"));
}

} // namespace attune
