#include "core/plan/trained_beside.h"

#include <algorithm>
#include <string>

#include "core/plan/lora_settings.h"
#include "core/plan/param_check.h"
#include "core/plan/whole_modules.h"

namespace attune {

TrainedBeside trainedBeside(const ModelConfig& model, const RunConfig& config, const Catalog& catalog) {
    TrainedBeside beside;
    const auto method = std::find_if(catalog.methods.begin(), catalog.methods.end(),
                                     [&](const MethodEntry& entry) { return entry.description.id == config.method.id; });
    if (method == catalog.methods.end())
        return beside;
    const auto listOf = [&](const char* key) {
        const auto& specs = method->description.params;
        return findParam(specs, key) ? paramList(config.method.params, specs, key) : std::vector<std::string>{};
    };
    const std::vector<std::string> names = listOf("modules_to_save"), tokens = listOf("trainable_token_indices");
    if (!names.empty())
        for (const WholeModule& module : wholeModules(model)) {
            if (std::none_of(names.begin(), names.end(), [&](const std::string& name) { return moduleMatches(module.name, name); }))
                continue;
            beside.tensors.push_back({module.rows, module.columns, 1});
            if (module.bias > 0)
                beside.tensors.push_back({1, module.bias, 1});
            if (!module.norm())
                beside.inComputeType += module.rows * module.columns + module.bias;
            beside.embedding |= module.name == "model.embed_tokens";
            beside.head |= module.name == "lm_head" || (module.name == "model.embed_tokens" && model.tiedHead);
            beside.changesBase = true;
        }
    if (const auto rows = readTokenList(tokens, model.vocabularySize); rows && !rows->empty()) {
        constexpr std::int64_t kIndexBytes = 8;
        beside.tokenRows = static_cast<std::int64_t>(rows->size());
        beside.tensors.push_back({beside.tokenRows, model.hiddenSize, 1});
        beside.indexBytes = (beside.tokenRows + model.vocabularySize) * kIndexBytes;
    }
    return beside;
}

} // namespace attune
