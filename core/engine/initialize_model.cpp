#include "core/engine/initialize_model.h"

#include <ATen/ATen.h>

#include "core/engine/checkpoint.h"
#include "core/families/model_family.h"
#include "core/nn/causal_lm.h"

namespace attune {

Status initializeModel(const std::string& folder, std::uint64_t seed) {
    const fs::path path(folder), weights = path / "model.safetensors";
    std::error_code code;
    if (fs::exists(weights, code) || fs::exists(path / "model.safetensors.index.json", code))
        return fail(ErrorCode::InvalidArgument, folder + " already has weights", "Choose a folder with config and tokenizer only.");
    ATTUNE_ASSIGN(const Json json, readJsonFile(path / "config.json"));
    const auto names = json.find("architectures");
    const std::string architecture = names != json.end() && names->is_array() && !names->empty() && names->front().is_string()
                                         ? names->front().get<std::string>()
                                         : std::string();
    const ModelFamily* family = findFamily(architecture);
    if (!family || family->id() != "llama")
        return fail(ErrorCode::Unsupported, "New weights can be made for LlamaForCausalLM only, not for \"" + architecture + "\"",
                    "Correct \"architectures\" in " + (path / "config.json").string() + ".");
    ATTUNE_ASSIGN(const ModelConfig config, family->readConfig(json));
    ATTUNE_ASSIGN(const auto model, CausalLm::create(config, {at::kFloat, at::kCPU}));
    model->initializeRandom(seed);
    std::vector<StateTensor> tensors;
    for (const auto& entry : model->baseTensors())
        tensors.push_back({entry.name, entry.tensor.to(at::kBFloat16)});
    return writeTensors(weights, tensors);
}

} // namespace attune
