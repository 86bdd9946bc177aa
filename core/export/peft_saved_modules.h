// Modules that a PEFT adapter carries whole beside its low-rank pairs (modules_to_save, and the embeddings that PEFT saves of its own accord when a
// vocabulary grew): embeddings, output head, norms and their biases. They take the place of the base's weights. Engine thread.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/families/model_family.h"
#include "core/model_files/safetensors.h"
#include "core/nn/causal_lm.h"

namespace attune {

/// The base tensor that an adapter's tensor replaces: its name without "base_model.model." and ".modules_to_save.default".
std::string replacedTensor(std::string name);

struct SavedModule {
    Weight* weight = nullptr;
    at::Tensor value; // in the master type
};

/// The values of `replaced` (base tensor's name -> the adapter's tensor) for the model. `listed`: config's modules_to_save without a reward
/// model's head. `keepsTying`: config's ensure_weight_tying. Errors: InvalidData (a shape that does not fit, a listed module without a
/// tensor), Unsupported (linear layers saved whole, a grown vocabulary, a tied head that the adapter makes a second matrix), all named.
Result<std::vector<SavedModule>> readSavedModules(const SafetensorsFile& file, const std::map<std::string, const TensorInfo*>& replaced,
                                                  const std::set<std::string>& listed, bool keepsTying, const ModelFamily& family,
                                                  CausalLm& model);
/// From now on these are the model's weights: Weight::trained holds them, so every export writes them.
void replaceWeights(std::vector<SavedModule> modules);

struct SavedTensor {
    std::string name; // in the base's folder
    at::Tensor value; // f32, as the base stores it
};
/// What a model with adapters has beside them, for writing an adapter.
Result<std::vector<SavedTensor>> savedModulesOf(const ModelFamily& family, CausalLm& model);

} // namespace attune
