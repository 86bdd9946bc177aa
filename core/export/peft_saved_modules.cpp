#include "core/export/peft_saved_modules.h"

#include <ATen/ATen.h>

#include "core/export/final_weights.h"

namespace attune {

namespace {

constexpr std::string_view kInBase = "base_model.model.", kWrapped = ".modules_to_save.default";

std::string moduleOf(std::string tensor) {
    for (const char* ending : {".weight", ".bias"})
        if (tensor.ends_with(ending))
            tensor.resize(tensor.size() - std::string_view(ending).size());
    return tensor;
}

bool isNamed(const std::string& module, const std::string& listed) {
    return module == listed || module.ends_with("." + listed);
}

struct Place {
    Weight* weight = nullptr;
    ModelFamily::DiskTensor layout;
};

// Where a tensor of the base's folder lies in the model, unless it is a linear layer's.
std::map<std::string, Place> replaceable(const ModelFamily& family, CausalLm& model) {
    std::map<std::string, Place> all;
    for (const auto& [name, place] : parameterPlaces(model))
        if (place.rows < 0)
            for (const ModelFamily::DiskTensor& layout : family.diskTensors(name, model.config()))
                all.try_emplace(layout.name, Place{place.weight, layout});
    return all;
}

tl::unexpected<Error> unsupported(const SafetensorsFile& file, const std::string& what) {
    return fail(ErrorCode::Unsupported, file.path().string() + ": " + what,
                "Merge the adapter with the program that made it, and bring the merged model.");
}

Result<at::Tensor> savedValue(const SafetensorsFile& file, const TensorInfo& tensor, const Place& place, const CausalLm& model) {
    at::Tensor value = at::empty(place.weight->compute.sizes(), place.weight->compute.options().dtype(model.masterType()));
    if (value.dim() == 2 && tensor.shape.size() == 2 && tensor.shape[0] != value.size(0) && tensor.shape[1] == value.size(1))
        return unsupported(file, tensor.name.substr(0, 120) + " has " + std::to_string(tensor.shape[0]) + " tokens, the base model " +
                                     std::to_string(value.size(0)) + ": its vocabulary was changed");
    ATTUNE_CHECK(readStored({{&file, &tensor}, place.layout}, value));
    if (!at::isfinite(value).all().item<bool>())
        return fail(ErrorCode::Numerical, file.path().string() + ": tensor " + tensor.name + " holds NaN or infinite numbers",
                    "Choose another checkpoint.");
    return value;
}

} // namespace

std::string replacedTensor(std::string name) {
    name.erase(0, kInBase.size());
    if (const auto at = name.find(kWrapped); at != std::string::npos)
        name.erase(at, kWrapped.size());
    return name;
}

Result<std::vector<SavedModule>> readSavedModules(const SafetensorsFile& file, const std::map<std::string, const TensorInfo*>& replaced,
                                                  const std::set<std::string>& listed, bool keepsTying, const ModelFamily& family,
                                                  CausalLm& model) {
    std::vector<SavedModule> modules;
    const auto places = replaceable(family, model);
    const bool tied = model.config().tiedHead;
    at::Tensor embedding, head;
    std::set<std::string> missing = listed;
    for (const auto& [name, tensor] : replaced) {
        std::erase_if(missing, [&](const std::string& module) { return isNamed(moduleOf(name), module); });
        if (tied && (name == "lm_head.weight" || name == "embed_out.weight")) {
            ATTUNE_ASSIGN(head, savedValue(file, *tensor, {&model.embedding, {.name = name}}, model));
            continue;
        }
        const auto place = places.find(name);
        if (place == places.end())
            return unsupported(file, "the module " + moduleOf(name).substr(0, 120) + " is saved whole, which is known of embeddings, heads and norms only");
        ATTUNE_ASSIGN(at::Tensor value, savedValue(file, *tensor, place->second, model));
        if (place->second.weight == &model.embedding)
            embedding = value;
        modules.push_back({place->second.weight, std::move(value)});
    }
    if (!missing.empty())
        return fail(ErrorCode::InvalidData, file.path().string() + ": modules_to_save names " + missing.begin()->substr(0, 120) + ", but no tensor of it is there",
                    "The download is incomplete; get the adapter again.");
    const bool one = keepsTying ? !head.defined() || (embedding.defined() && at::equal(head, embedding))
                                : embedding.defined() == head.defined() && (!head.defined() || at::equal(head, embedding));
    if (tied && !one)
        return unsupported(file, "the base model's embedding is its output head as well, and the adapter makes two different matrices of them");
    return modules;
}

void replaceWeights(std::vector<SavedModule> modules) {
    at::NoGradGuard noGrad;
    for (SavedModule& module : modules) {
        Weight& weight = *module.weight;
        weight.compute.copy_(module.value);
        weight.trained = std::make_unique<Parameter>();
        weight.trained->name = weight.name;
        weight.trained->value = weight.compute.scalar_type() == module.value.scalar_type() ? weight.compute : std::move(module.value);
        weight.trained->decay = weight.compute.dim() == 2;
    }
}

Result<std::vector<SavedTensor>> savedModulesOf(const ModelFamily& family, CausalLm& model) {
    std::vector<SavedTensor> tensors;
    for (const auto& [name, place] : parameterPlaces(model)) {
        if (place.rows >= 0 || !place.weight->trained)
            continue;
        const ModelFamily::DiskTensor layout = family.diskTensors(name, model.config()).front();
        at::Tensor value = place.weight->trained->value.to(at::kCPU, at::kFloat).clone();
        if (layout.offset != 0.0)
            value.sub_(layout.offset);
        tensors.push_back({layout.name, value.contiguous()});
    }
    return tensors;
}

} // namespace attune
