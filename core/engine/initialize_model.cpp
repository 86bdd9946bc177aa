#include "core/engine/initialize_model.h"

#include <ATen/ATen.h>

#include "core/families/model_family.h"
#include "core/model_files/safetensors.h"
#include "core/nn/causal_lm.h"
#include "core/nn/random_weights.h"

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
    // Shapes only: the weights are drawn one after the other while the file is written.
    ATTUNE_ASSIGN(const auto model, CausalLm::create(config, {at::kBFloat16, at::Device(at::kMeta)}));
    std::vector<TensorToWrite> tensors;
    at::Tensor current;
    for (const auto& entry : model->baseTensors()) {
        const std::uint64_t number = tensors.size() + 1;
        tensors.push_back({entry.name, TensorType::BF16, entry.tensor.sizes().vec(),
                           [&current, &config, seed, number, name = entry.name, shape = entry.tensor.sizes().vec()]() -> Result<std::span<const std::byte>> {
                               current = at::empty(shape, at::kBFloat16);
                               randomWeight(name, current, config.layers, seed, number);
                               return std::span(static_cast<const std::byte*>(current.data_ptr()), current.nbytes());
                           }});
    }
    return writeSafetensors(weights, tensors);
}

} // namespace attune
