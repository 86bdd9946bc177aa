// Recipes as data: a few named starting points a beginner picks from. A preset changes only the keys it lists, so
// applying one to a configured recipe keeps the model and the data. Value types; any thread.
#pragma once

#include <string>
#include <vector>

#include "core/plan/run_config.h"

namespace attune {

struct Preset {
    std::string id, title, summary;
    std::vector<std::string> assignments; // setByPath form; "lora.r=8" counts only while that method is chosen
    double rateFactor = 1; // of the learning rate that suits method and objective
};

const std::vector<Preset>& presets(); // "quick", "balanced", "thorough", "gentle", "very_gentle"
const Preset* findPreset(std::string_view id);
/// Applies every assignment that concerns the chosen method; keys the catalog does not know are an error
/// (InvalidArgument).
Status applyPreset(RunConfig& config, const Preset& preset, const Catalog& catalog);
/// What suits method and objective in the field's practice: full fine-tuning wants a learning rate ten times smaller than an
/// adapter, preferences one that is 20 times smaller than examples. Numbers only; applied by applyPreset, and by the window
/// when the user changes method or objective.
ParamMap recommendedTraining(std::string_view methodId, std::string_view objectiveId = "sft");
/// The recipe's learning rate, or what suits its method and objective when it names none.
double effectiveLearningRate(const RunConfig& config);

} // namespace attune
