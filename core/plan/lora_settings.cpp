#include "core/plan/lora_settings.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/plan/catalog.h"
#include "core/plan/param_check.h"
#include "core/plan/whole_modules.h"

namespace attune {

namespace {

const std::string kRouter = "gate";

tl::unexpected<Error> badSetting(const std::string& what, const std::string& hint) {
    return fail(ErrorCode::InvalidArgument, what, hint);
}

// "name=number" entries.
Result<std::map<std::string, double>> readPattern(const std::vector<std::string>& entries, const std::string& key,
                                                  const std::vector<std::string>& modules) {
    std::map<std::string, double> pattern;
    for (const std::string& entry : entries) {
        const auto equals = entry.find('=');
        double number = 0;
        const char* end = entry.data() + entry.size();
        if (equals == std::string::npos || equals == 0 ||
            std::from_chars(entry.data() + equals + 1, end, number).ptr != end || !std::isfinite(number) || number <= 0)
            return badSetting(key + ": \"" + entry.substr(0, 80) + "\" is not a layer and a number above 0", "Write q_proj=8, for example.");
        const std::string name = entry.substr(0, equals);
        if (std::none_of(modules.begin(), modules.end(), [&](const std::string& module) { return moduleMatches(module, name); }))
            return badSetting(key + ": no linear layer of this model is called \"" + name.substr(0, 80) + "\"",
                              "Use a layer's last name (q_proj) or its whole name.");
        pattern[name] = number;
    }
    return pattern;
}

template <class T>
T byPattern(const std::map<std::string, T>& pattern, const std::string& module, T otherwise) {
    for (const auto& [name, value] : pattern)
        if (moduleMatches(module, name))
            return value;
    return otherwise;
}

} // namespace

bool moduleMatches(const std::string& module, const std::string& pattern) {
    return module == pattern ||
           (module.size() > pattern.size() && module.ends_with(pattern) && module[module.size() - pattern.size() - 1] == '.');
}

std::int64_t LoraSettings::rankOf(const std::string& module) const { return byPattern(rankPattern, module, rank); }

double LoraSettings::scaleOf(const std::string& module) const {
    const auto r = static_cast<double>(rankOf(module));
    return byPattern(alphaPattern, module, alpha) / (rslora ? std::sqrt(r) : r);
}

bool LoraSettings::adapts(const std::string& module, std::int64_t layer) const {
    const std::string name = module.substr(module.rfind('.') + 1);
    return (targets.empty() ? name != kRouter : targets.contains(name)) && (layers.empty() || layers.contains(layer)) &&
           std::none_of(excluded.begin(), excluded.end(), [&](const std::string& left) { return moduleMatches(module, left); });
}

namespace {

// Numbers and ranges from 0 to limit - 1; `named`: what they are the numbers of, for the error.
Result<std::set<std::int64_t>> readNumbers(const std::vector<std::string>& entries, std::int64_t limit, const std::string& key,
                                           const std::string& named) {
    std::set<std::int64_t> found;
    for (const std::string& entry : entries) {
        std::int64_t first = 0, last = 0;
        const char* end = entry.data() + entry.size();
        auto parsed = std::from_chars(entry.data(), end, first);
        last = first;
        bool good = parsed.ec == std::errc();
        if (good && parsed.ptr != end) {
            good = *parsed.ptr == '-';
            if (good) {
                parsed = std::from_chars(parsed.ptr + 1, end, last);
                good = parsed.ec == std::errc() && parsed.ptr == end;
            }
        }
        if (!good || first < 0 || last < first || last >= limit)
            return badSetting(key + ": \"" + entry.substr(0, 80) + "\" names no " + named + " of this model, which has the " + named + " 0 to " +
                                  std::to_string(limit - 1),
                              "Write numbers or ranges, for example 0-3.");
        for (std::int64_t number = first; number <= last; ++number)
            found.insert(number);
    }
    return found;
}

// The tensors of the modules that are trained whole.
Result<std::set<std::string>> readWholeModules(const std::vector<std::string>& names, const std::vector<std::string>& linears, const ModelConfig& model) {
    const std::vector<WholeModule> known = wholeModules(model);
    std::set<std::string> tensors;
    for (const std::string& name : names) {
        const std::string said = "modules_to_save: \"" + name.substr(0, 80) + "\"";
        bool found = false;
        for (const WholeModule& module : known)
            if (moduleMatches(module.name, name)) {
                found = true;
                tensors.insert(module.name + ".weight");
                if (module.bias)
                    tensors.insert(module.name + ".bias");
            }
        if (found)
            continue;
        if (name == "lm_head" && model.tiedHead)
            return badSetting(said + ": this model's output layer is its embedding", "Name embed_tokens, which trains both.");
        if (std::any_of(linears.begin(), linears.end(), [&](const std::string& module) { return moduleMatches(module, name); }))
            return badSetting(said + " is a linear layer of the blocks: only embeddings, norms and the output layer are trained whole beside an adapter",
                              "Give the layer a higher rank (rank_pattern), or choose full fine-tuning.");
        std::string all;
        for (const WholeModule& module : known)
            if (const std::string last = module.name.substr(module.name.rfind('.') + 1); all.find(last + ",") == std::string::npos)
                all += last + ", ";
        return badSetting(said + " is no module of this model", "It has " + all.substr(0, all.size() - 2) + ".");
    }
    return tensors;
}

} // namespace

Result<std::set<std::int64_t>> readLayerList(const std::vector<std::string>& entries, std::int64_t layers, const std::string& key) {
    return readNumbers(entries, layers, key, "blocks");
}

Result<std::set<std::int64_t>> readTokenList(const std::vector<std::string>& entries, std::int64_t vocabularySize) {
    return readNumbers(entries, vocabularySize, "trainable_token_indices", "tokens");
}

Result<LoraSettings> readLoraSettings(const ParamMap& params, const std::vector<ParamSpec>& specs,
                                      const std::vector<std::string>& modules, const ModelConfig& model) {
    for (const ParamSpec& spec : specs)
        ATTUNE_CHECK(checkParam(spec, paramOr(params, specs, spec.key), spec.key));
    LoraSettings settings;
    settings.rank = paramInt(params, specs, "r");
    settings.alpha = paramDouble(params, specs, "alpha");
    settings.dropout = paramDouble(params, specs, "dropout");
    settings.rateRatio = paramDouble(params, specs, "loraplus_lr_ratio");
    settings.rslora = paramBool(params, specs, "use_rslora");
    settings.dora = paramBool(params, specs, "use_dora");
    const std::string start = paramString(params, specs, "init");
    settings.start = start == "gaussian"        ? LoraStart::Gaussian
                     : start == "orthogonal"    ? LoraStart::Orthogonal
                     : start == "pissa"         ? LoraStart::Pissa
                     : start == "pissa_niter_4" ? LoraStart::PissaFast
                     : start == "olora"         ? LoraStart::Olora
                                                : LoraStart::Kaiming;
    if (settings.dora && settings.startsInWeights())
        return badSetting("use_dora and init: " + start + " cannot be combined: a saved adapter could not express both", "Choose one of the two.");
    const std::vector<std::string> list = paramList(params, specs, "target_modules");
    settings.targets.insert(list.begin(), list.end());
    if (settings.targets.empty())
        return badSetting("target_modules is empty: nothing would be trained.", "Choose all-linear or at least one layer.");
    std::set<std::string> present;
    for (const std::string& module : modules)
        present.insert(module.substr(module.rfind('.') + 1));
    for (const std::string& name : settings.targets)
        if (name != kAllLinearLayers && !present.contains(name))
            return badSetting("target_modules names \"" + name + "\", but this model has no such layer.",
                              "Choose all-linear or layers the model has.");
    if (settings.targets.contains(kAllLinearLayers))
        settings.targets.clear();
    ATTUNE_ASSIGN(settings.layers, readLayerList(paramList(params, specs, "layers_to_transform"), model.layers, "layers_to_transform"));
    settings.excluded = paramList(params, specs, "exclude_modules");
    for (const std::string& name : settings.excluded)
        if (std::none_of(modules.begin(), modules.end(), [&](const std::string& module) { return moduleMatches(module, name); }))
            return badSetting("exclude_modules: no linear layer of this model is called \"" + name.substr(0, 80) + "\"",
                              "Use a layer's last name (k_proj) or its whole name.");
    ATTUNE_ASSIGN(settings.whole, readWholeModules(paramList(params, specs, "modules_to_save"), modules, model));
    ATTUNE_ASSIGN(settings.tokens, readTokenList(paramList(params, specs, "trainable_token_indices"), model.vocabularySize));
    if (!settings.tokens.empty() && settings.whole.contains("model.embed_tokens.weight"))
        return badSetting("trainable_token_indices and modules_to_save: embed_tokens cannot be combined: the rows are part of what is trained whole",
                          "Choose one of the two.");
    ATTUNE_ASSIGN(settings.alphaPattern, readPattern(paramList(params, specs, "alpha_pattern"), "alpha_pattern", modules));
    ATTUNE_ASSIGN(const auto ranks, readPattern(paramList(params, specs, "rank_pattern"), "rank_pattern", modules));
    for (const auto& [name, value] : ranks) {
        if (value != std::floor(value) || value > 1024)
            return badSetting("rank_pattern: the rank of " + name + " must be a whole number up to 1024", "Write q_proj=8, for example.");
        settings.rankPattern[name] = static_cast<std::int64_t>(value);
    }
    return settings;
}

} // namespace attune
