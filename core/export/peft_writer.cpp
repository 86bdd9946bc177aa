#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <ATen/ATen.h>

#include "core/export/peft_adapter.h"
#include "core/export/peft_prompt.h"
#include "core/export/peft_saved_modules.h"
#include "core/export/peft_token_rows.h"

namespace attune {

namespace {

constexpr const char* kPeftVersion = "0.17.0"; // the release whose layout this is

// One module as PEFT knows it, with the parts of ours that make it up.
struct Module {
    std::vector<const LinearPart*> parts;
    std::vector<at::Tensor> rows; // of each part, in the stored layer
    const Linear* linear = nullptr;
    std::int64_t rank() const {
        std::int64_t sum = 0;
        for (const LinearPart* part : parts)
            sum += rankOf(*part);
        return sum;
    }
    // An adapter that began with a share of the base weight (PiSSA) is written as the difference to its start, an ordinary
    // LoRA of twice the rank on the unchanged base.
    static std::int64_t rankOf(const LinearPart& part) {
        return part.lora ? part.lora->rank() * (part.lora->startA.defined() ? 2 : 1) : 0;
    }
};

struct Named {
    std::string name;
    at::Tensor tensor; // f32, contiguous
};

at::Tensor exported(const at::Tensor& value) {
    return value.to(at::kCPU, at::kFloat).contiguous();
}

at::Tensor downOf(const LoraAdapter& lora) {
    return lora.startA.defined() ? at::cat({exported(lora.a.value), exported(lora.startA)}) : exported(lora.a.value);
}

at::Tensor upOf(const LoraAdapter& lora) {
    return lora.startB.defined() ? at::cat({exported(lora.b.value), exported(-lora.startB)}, 1) : exported(lora.b.value);
}

// DoRA's lengths for every row of the module; rows of a part without an adapter keep the length they have.
at::Tensor magnitudesOf(const Module& module) {
    std::int64_t out = 0;
    for (const LinearPart* part : module.parts)
        out += part->rows;
    at::Tensor lengths = at::empty({out}, at::kFloat);
    for (std::size_t i = 0; i < module.parts.size(); ++i) {
        const LinearPart* part = module.parts[i];
        if (part->lora) {
            lengths.index_copy_(0, module.rows[i], exported(part->lora->magnitude.value));
            continue;
        }
        const at::Tensor rows = at::empty({part->rows, module.linear->inFeatures()}, at::kFloat);
        module.linear->readRows(part->begin, rows);
        lengths.index_copy_(0, module.rows[i], rows.norm(2, 1));
    }
    return lengths;
}

// Adapters of several parts side by side: A stacked, B in blocks, each B scaled so that one common scale serves all.
std::pair<at::Tensor, at::Tensor> combine(const Module& module, double scale) {
    if (module.parts.size() == 1) {
        const at::Tensor b = upOf(*module.parts[0]->lora);
        return {downOf(*module.parts[0]->lora), at::empty_like(b).index_copy_(0, module.rows[0], b)};
    }
    std::int64_t out = 0;
    for (const LinearPart* part : module.parts)
        out += part->rows;
    std::vector<at::Tensor> downs;
    at::Tensor up = at::zeros({out, module.rank()}, at::kFloat);
    std::int64_t column = 0;
    for (std::size_t i = 0; i < module.parts.size(); ++i) {
        const LinearPart* part = module.parts[i];
        if (!part->lora)
            continue;
        const std::int64_t rank = Module::rankOf(*part);
        downs.push_back(downOf(*part->lora));
        up.narrow(1, column, rank).index_copy_(0, module.rows[i], upOf(*part->lora) * (part->lora->scale / scale));
        column += rank;
    }
    return {at::cat(downs), up};
}

std::string lastName(const std::string& module) {
    return module.substr(module.rfind('.') + 1);
}

} // namespace

Result<std::vector<std::string>> writePeftAdapter(const fs::path& folder, const ModelFamily& family, CausalLm& model,
                                                  const std::string& baseModelName) {
    if (model.prompt)
        return writePeftPrompt(folder, model, baseModelName);
    std::vector<std::pair<std::string, Module>> modules; // in the order of the network
    std::map<std::string, std::size_t> index;
    double dropout = 0;
    bool dora = false;
    for (const Block& block : model.blocks)
        for (const Linear* linear : block.linears())
            for (const LinearPart& part : linear->parts) {
                const std::string name = family.peftModule(part.name, model.config());
                const auto [found, isNew] = index.emplace(name, modules.size());
                if (isNew)
                    modules.push_back({name, {}});
                Module& module = modules[found->second].second;
                module.parts.push_back(&part);
                module.rows.push_back(at::tensor(family.diskRows(part.name, part.rows, model.config())));
                module.linear = linear;
                if (part.lora)
                    dropout = part.lora->dropout, dora |= part.lora->magnitude.value.defined();
            }
    std::erase_if(modules, [](const auto& module) { return module.second.rank() == 0; });
    if (modules.empty())
        return fail(ErrorCode::InvalidArgument, "The model has no adapter to save", "Export the merged model instead.");

    // r and lora_alpha are those most modules share; the others go into the patterns under their full name.
    const auto scaleOf = [](const Module& module) {
        for (const LinearPart* part : module.parts)
            if (part->lora)
                return part->lora->scale;
        return 1.0;
    };
    std::map<std::pair<std::int64_t, double>, int> votes; // (rank, alpha)
    const auto setting = [&](const Module& module) {
        return std::pair(module.rank(), scaleOf(module) * static_cast<double>(module.rank()));
    };
    for (const auto& [name, module] : modules)
        ++votes[setting(module)];
    const auto common = std::max_element(votes.begin(), votes.end(), [](const auto& a, const auto& b) {
                            return a.second < b.second;
                        })->first;
    const auto number = [](double value) {
        return value == std::floor(value) && std::abs(value) < 1e15 ? Json(static_cast<std::int64_t>(value))
                                                                    : Json(value);
    };
    Json rankPattern = Json::object(), alphaPattern = Json::object();
    std::set<std::string> targets, chosen, others;
    std::vector<Named> tensors;
    for (const auto& [name, module] : modules) {
        targets.insert(lastName(name));
        chosen.insert(name);
        const auto [rank, alpha] = setting(module);
        if (rank != common.first)
            rankPattern[name] = rank;
        if (alpha != common.second)
            alphaPattern[name] = number(alpha);
        auto [down, up] = combine(module, scaleOf(module));
        tensors.push_back({"base_model.model." + name + ".lora_A.weight", std::move(down)});
        tensors.push_back({"base_model.model." + name + ".lora_B.weight", std::move(up)});
        if (dora)
            tensors.push_back({"base_model.model." + name + ".lora_magnitude_vector", magnitudesOf(module)});
    }
    // Last names reach every layer that ends so; where only some layers are adapted the full names are needed.
    for (const LinearPart* part : model.linearParts()) {
        const std::string name = family.peftModule(part->name, model.config());
        if (!chosen.contains(name) && targets.contains(lastName(name)))
            others.insert(name);
    }
    std::set<std::string> whole;
    if (model.scoreHead) {
        tensors.push_back({"base_model.model." + model.scoreHead->name, exported(model.scoreHead->value)});
        whole.insert("score");
    }
    ATTUNE_ASSIGN(const std::vector<SavedTensor> saved, savedModulesOf(family, model));
    for (const SavedTensor& each : saved) {
        tensors.push_back({"base_model.model." + each.name, each.value});
        whole.insert(lastName(each.name.substr(0, each.name.rfind('.'))));
    }
    const Json none = nullptr;
    Json tokens = none;
    if (model.tokenRows) {
        tensors.push_back({tokenRowsTensor(family, model), exported(model.tokenRows->values.value)});
        tokens = model.tokenRows->ids;
    }
    Json config{{"alora_invocation_tokens", none},
                {"alpha_pattern", alphaPattern},
                {"arrow_config", none},
                {"auto_mapping", none},
                {"base_model_name_or_path", baseModelName},
                {"bias", "none"},
                {"corda_config", none},
                {"ensure_weight_tying", model.config().tiedHead && whole.contains("embed_tokens")},
                {"eva_config", none},
                {"exclude_modules", none},
                {"fan_in_fan_out", model.config().conv1dWeights},
                {"inference_mode", true},
                {"init_lora_weights", true},
                {"kasa_config", none},
                {"layer_replication", none},
                {"layers_pattern", none},
                {"layers_to_transform", none},
                {"loftq_config", Json::object()},
                {"lora_alpha", number(common.second)},
                {"lora_bias", false},
                {"lora_dropout", dropout},
                {"lora_ga_config", none},
                {"megatron_config", none},
                {"megatron_core", "megatron.core"},
                {"modules_to_save", whole.empty() ? none : Json(whole)},
                {"monteclora_config", none},
                {"peft_type", "LORA"},
                {"peft_version", kPeftVersion},
                {"qalora_group_size", 16},
                {"r", common.first},
                {"rank_pattern", rankPattern},
                {"revision", none},
                {"target_modules", others.empty() ? targets : chosen},
                {"target_parameters", none},
                {"task_type", model.scoreHead ? "SEQ_CLS" : "CAUSAL_LM"},
                {"trainable_token_indices", tokens},
                {"use_bdlora", none},
                {"use_dora", dora},
                {"use_qalora", false},
                {"use_rslora", false},
                {"velora_config", none}};

    std::error_code error;
    fs::create_directories(folder, error);
    if (error)
        return fail(errnoError(error.value(), "Cannot create", folder));
    std::sort(tensors.begin(), tensors.end(), [](const Named& a, const Named& b) { return a.name < b.name; });
    std::vector<TensorToWrite> files;
    for (const Named& named : tensors)
        files.push_back(
            {named.name, TensorType::F32, named.tensor.sizes().vec(), [&named]() -> Result<std::span<const std::byte>> {
                 return std::as_bytes(
                     std::span(named.tensor.data_ptr<float>(), static_cast<std::size_t>(named.tensor.numel())));
             }});
    ATTUNE_CHECK(writeSafetensors(folder / kPeftWeightsFile, files));
    ATTUNE_CHECK(
        writeFileAtomic(folder / kPeftConfigFile, config.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"));
    return std::vector<std::string>{kPeftConfigFile, kPeftWeightsFile};
}

} // namespace attune
