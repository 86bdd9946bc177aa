// What the config.json of most decoders says under the same names: sizes, norm, activation, tied head, sliding windows. Used
// by the families only.
#pragma once

#include <functional>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>

#include "core/families/config_reader.h"

namespace attune {

/// What holds where a key is absent (the defaults of the family's configuration class), and how two keys are spelled.
struct DecoderDefaults {
    std::int64_t contextLength = 2048;
    const char* normEpsilonKey = "rms_norm_eps";
    double normEpsilon = 1e-6;
    const char* activationKey = "hidden_act";
    const char* activation = "silu";
    bool tiedHead = false;
    std::int64_t headDim = 0; // 0: hidden_size / num_attention_heads
};

/// Fills sizes, context, norm epsilon, activation and the tied head; the common part of every family. Errors: InvalidData,
/// naming the key.
Status readDecoderShape(const Json& config, const DecoderDefaults& defaults, ModelConfig& result);

/// The keys readDecoderShape and readRopeConfig read, and `more`: for ConfigReader::refuseUnknownMathematics.
std::set<std::string_view> decoderKeys(std::initializer_list<std::string_view> more);

/// layer_types, a list of "full_attention" and "sliding_attention"; where it is absent `isLocal` decides for each layer.
/// Errors: InvalidData, Unsupported (another kind of layer, named).
Result<std::vector<bool>> readLocalLayers(const Json& config, std::int64_t layers,
                                          const std::function<bool(std::int64_t layer)>& isLocal);

/// sliding_window (null: none; absent: `fallback`, 0 for none) and which layers it is for. A window as long as the context is
/// none. Call last.
Status readSlidingWindow(const Json& config, std::int64_t fallback,
                         const std::function<bool(std::int64_t layer)>& isLocal, ModelConfig& result);
/// A number above 0 that null switches off; absent: `fallback`. 0 when off. Errors: InvalidData.
Result<double> readOptionalNumber(const Json& config, const std::string& key, double fallback);

/// Elements of a head that are rotated: `key` (a share of the head) at the top or partial_rotary_factor in rope_parameters.
/// Fills rotaryDim; call before readRopeConfig. Errors: InvalidData.
Status readRotaryShare(const Json& config, const char* key, double fallback, ModelConfig& result);

/// A mixture of experts: `expertsKey` and num_experts_per_tok (absent: the given numbers), router_aux_loss_coef. Fills experts,
/// expertsPerToken and routerLoss. Errors: InvalidData.
Status readExperts(const Json& config, const char* expertsKey, std::int64_t experts, std::int64_t perToken, ModelConfig& result,
                   double routerLoss = 0.001);

} // namespace attune
