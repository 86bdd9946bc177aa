#include "core/plan/lora_settings.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/plan/catalog.h"
#include "core/plan/param_check.h"

namespace attune {

namespace {

const std::string kAllLinear = "all-linear", kRouter = "gate";

tl::unexpected<Error> badSetting(const std::string& what, const char* hint) {
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

ParamSpec advancedList(const char* key, const char* label, const char* help) {
    ParamSpec spec;
    spec.key = key, spec.label = label, spec.help = help;
    spec.defaultValue = std::vector<std::string>{};
    spec.advanced = true;
    return spec;
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
    return (targets.empty() ? name != kRouter : targets.contains(name)) && (layers.empty() || layers.contains(layer));
}

std::vector<ParamSpec> loraParams(bool onPackedWeights) {
    std::vector<ParamSpec> specs(7);
    specs[0].key = "r";
    specs[0].label = "Rank (r)";
    specs[0].help = "How much the adapter can learn: the width of its two small matrices.";
    specs[0].defaultValue = std::int64_t{16};
    specs[0].min = 1, specs[0].max = 1024;
    specs[0].ifTooHigh = "More memory and, with little data, learning by heart.";
    specs[0].ifTooLow = "The adapter cannot express the change your examples ask for.";
    specs[1].key = "alpha";
    specs[1].label = "Scaling (alpha)";
    specs[1].help = "How strongly the adapter acts: its output is multiplied by alpha / r. Twice the rank is usual.";
    specs[1].defaultValue = 32.0;
    specs[1].min = 0.001, specs[1].max = 4096.0;
    specs[1].ifTooHigh = "Training becomes unstable, like a learning rate that is too high.";
    specs[1].ifTooLow = "The model hardly changes.";
    specs[2].key = "dropout";
    specs[2].label = "Dropout";
    specs[2].help = "The share of the adapter's inputs that is left out at random while training.";
    specs[2].defaultValue = 0.0;
    specs[2].min = 0.0, specs[2].max = 0.9;
    specs[2].ifTooHigh = "Learning is slow and noisy.";
    specs[2].ifTooLow = "Nothing bad; with few examples a little (0.05) can help against learning by heart.";
    specs[3].key = "target_modules";
    specs[3].label = "Adapted layers";
    specs[3].help = "Which linear layers get an adapter; all-linear means every one.";
    specs[3].defaultValue = std::vector<std::string>{kAllLinear};
    specs[3].choices = {kAllLinear, "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
    specs[3].ifTooHigh = "More layers cost time and memory.";
    specs[3].ifTooLow = "Few layers limit what can be learned.";
    specs[3].advanced = true;
    specs[4].key = "use_rslora";
    specs[4].label = "Rank-stabilised scaling";
    specs[4].help = "Scale by alpha / sqrt(r) instead of alpha / r, so that high ranks keep learning (rsLoRA).";
    specs[4].defaultValue = false;
    specs[4].ifTooHigh =
        "Switched on with a large alpha the adapter acts very strongly: lower alpha or the learning rate.";
    specs[4].ifTooLow = "Switched off, ranks above 64 learn hardly more than small ones.";
    specs[4].advanced = true;
    specs[5].key = "init";
    specs[5].label = "Start values";
    specs[5].help = onPackedWeights ? "How the first matrix is drawn; the second starts at zero, so training begins at the base model."
                                    : "How the adapter begins. kaiming and gaussian: at zero effect. pissa: with the largest singular "
                                      "values of each weight, which learns faster; pissa_niter_4 finds them roughly and quickly. The "
                                      "saved adapter is an ordinary LoRA of twice the rank.";
    specs[5].defaultValue = std::string("kaiming");
    specs[5].choices = {"kaiming", "gaussian"};
    if (!onPackedWeights)
        specs[5].choices.insert(specs[5].choices.end(), {"pissa", "pissa_niter_4"});
    specs[5].advanced = true;
    specs[6].key = "use_dora";
    specs[6].label = "Magnitude and direction (DoRA)";
    specs[6].help = "Learns the length of each row of a weight apart from its direction: often better at small ranks, and slower.";
    specs[6].defaultValue = false;
    specs[6].ifTooHigh = "Switched on, each step takes longer and needs more memory.";
    specs[6].ifTooLow = "Switched off, small ranks may stay behind full fine-tuning.";
    specs[6].advanced = true;
    ParamSpec ratio;
    ratio.key = "loraplus_lr_ratio";
    ratio.label = "Learning rate ratio (LoRA+)";
    ratio.help = "The second matrix learns so many times faster than the first (LoRA+); 1 means alike.";
    ratio.defaultValue = 1.0;
    ratio.min = 1.0, ratio.max = 1024.0;
    ratio.ifTooHigh = "Loss jumps or rises; 16 is usual, with a learning rate about half of LoRA's.";
    ratio.ifTooLow = "At 1 wide models learn more slowly than they could.";
    ratio.advanced = true;
    specs.push_back(ratio);
    specs.push_back(advancedList("rank_pattern", "Ranks of single layers", "Another rank for some layers, for example q_proj=8."));
    specs.push_back(advancedList("alpha_pattern", "Scaling of single layers", "Another alpha for some layers, for example q_proj=16."));
    specs.push_back(advancedList("layers_to_transform", "Adapted blocks",
                                 "Numbers of the blocks that get adapters, counted from 0, for example 8-15; empty means all."));
    return specs;
}

Result<std::set<std::int64_t>> readLayerList(const std::vector<std::string>& entries, std::int64_t layers, const std::string& key) {
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
        if (!good || first < 0 || last < first || last >= layers)
            return badSetting(key + ": \"" + entry.substr(0, 80) + "\" names no blocks of this model, which has the blocks 0 to " +
                                  std::to_string(layers - 1),
                              "Write numbers or ranges, for example 0-3.");
        for (std::int64_t layer = first; layer <= last; ++layer)
            found.insert(layer);
    }
    return found;
}

Result<LoraSettings> readLoraSettings(const ParamMap& params, const std::vector<ParamSpec>& specs,
                                      const std::vector<std::string>& modules, std::int64_t layers) {
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
                     : start == "pissa"         ? LoraStart::Pissa
                     : start == "pissa_niter_4" ? LoraStart::PissaFast
                                                : LoraStart::Kaiming;
    if (settings.dora && (settings.start == LoraStart::Pissa || settings.start == LoraStart::PissaFast))
        return badSetting("use_dora and init: " + start + " cannot be combined: a saved adapter could not express both", "Choose one of the two.");
    const std::vector<std::string> list = paramList(params, specs, "target_modules");
    settings.targets.insert(list.begin(), list.end());
    if (settings.targets.empty())
        return badSetting("target_modules is empty: nothing would be trained.", "Choose all-linear or at least one layer.");
    std::set<std::string> present;
    for (const std::string& module : modules)
        present.insert(module.substr(module.rfind('.') + 1));
    for (const std::string& name : settings.targets)
        if (name != kAllLinear && !present.contains(name))
            return badSetting("target_modules names \"" + name + "\", but this model has no such layer.",
                              "Choose all-linear or layers the model has.");
    if (settings.targets.contains(kAllLinear))
        settings.targets.clear();
    ATTUNE_ASSIGN(settings.layers, readLayerList(paramList(params, specs, "layers_to_transform"), layers, "layers_to_transform"));
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
