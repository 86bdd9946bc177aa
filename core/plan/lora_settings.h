// LoRA's settings as a recipe holds them, with PEFT's names and meanings, checked and made ready for each layer.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/base/param_spec.h"
#include "core/base/result.h"
#include "core/model_files/model_config.h"

namespace attune {

inline const std::string kAllLinearLayers = "all-linear"; // in target_modules

enum class LoraStart { Kaiming, Gaussian, Orthogonal, Pissa, PissaFast, Olora };

struct LoraSettings {
    std::int64_t rank = 16;
    double alpha = 32, dropout = 0, rateRatio = 1;
    bool rslora = false, dora = false;
    LoraStart start = LoraStart::Kaiming;
    std::set<std::string> targets; // last names; empty = every linear layer but the routers of experts
    std::set<std::int64_t> layers; // block numbers; empty = all
    std::vector<std::string> excluded; // names, which win over the targets
    std::set<std::string> whole;       // tensors that are trained whole beside the adapters, by canonical name
    std::set<std::int64_t> tokens;     // rows of the embedding that are trained
    std::map<std::string, std::int64_t> rankPattern;
    std::map<std::string, double> alphaPattern;

    std::int64_t rankOf(const std::string& module) const;
    /// alpha / r, with rsLoRA (Kalajdzievski 2023) alpha / sqrt(r); both of this module.
    double scaleOf(const std::string& module) const;
    /// The adapter begins with a share that is taken off the base weight (PiSSA, OLoRA).
    bool startsInWeights() const { return start == LoraStart::Pissa || start == LoraStart::PissaFast || start == LoraStart::Olora; }
    bool adapts(const std::string& module, std::int64_t layer) const;
};

/// `onPackedWeights`: for bases in 4 bits, which offer fewer start values.
std::vector<ParamSpec> loraParams(bool onPackedWeights);

/// `modules`: the names of the model's linear layers. Errors: InvalidArgument (a bad value, a name that no layer has, a block or token
/// outside the model, settings that exclude one another).
Result<LoraSettings> readLoraSettings(const ParamMap& params, const std::vector<ParamSpec>& specs,
                                      const std::vector<std::string>& modules, const ModelConfig& model);

/// Numbers and ranges ("3", "0-7") of blocks. Errors: InvalidArgument naming `key`.
Result<std::set<std::int64_t>> readLayerList(const std::vector<std::string>& entries, std::int64_t layers, const std::string& key);

/// The same of ids of tokens, for trainable_token_indices.
Result<std::set<std::int64_t>> readTokenList(const std::vector<std::string>& entries, std::int64_t vocabularySize);

/// PEFT's rule for patterns that are names: the module itself, or its ending after a dot.
bool moduleMatches(const std::string& module, const std::string& pattern);

} // namespace attune
