#include "core/families/rope_config.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/families/config_reader.h"

namespace attune {

namespace {

constexpr std::int64_t kMaxContext = std::int64_t{1} << 26;

Result<std::vector<double>> factors(const Json& scaling, const char* key, std::int64_t count) {
    const auto found = scaling.find(key);
    std::vector<double> values;
    if (found != scaling.end() && found->is_array() && static_cast<std::int64_t>(found->size()) == count)
        for (const Json& value : *found)
            if (value.is_number() && std::isfinite(value.get<double>()) && value.get<double>() > 0)
                values.push_back(value.get<double>());
    if (static_cast<std::int64_t>(values.size()) != count)
        return fail(ErrorCode::InvalidData,
                    std::string("config.json: rope ") + key + " must be " + std::to_string(count) + " numbers above 0",
                    "Download the model's config.json again.");
    return values;
}

// 0.1 m ln(s) + 1 (Peng et al. 2023, YaRN, eq. 22).
double yarnMagnitude(double scale, double m) {
    return scale <= 1 ? 1.0 : 0.1 * m * std::log(scale) + 1.0;
}

Status refuseUnknownKeys(const Json& scaling, const std::set<std::string_view>& known) {
    for (const auto& [key, value] : scaling.items())
        if (!known.contains(key) && !value.is_null())
            return fail(ErrorCode::Unsupported, "config.json: the rope key " + key.substr(0, 80) + " is not known here",
                        "Choose another model, or a release of this program that knows it.");
    return {};
}

Status readYarn(const Json& scaling, ModelConfig& result) {
    const ConfigReader reader(scaling);
    RopeConfig& rope = result.rope;
    rope.scaling = RopeScaling::Yarn;
    ATTUNE_CHECK(refuseUnknownKeys(scaling, {"type", "rope_type", "rope_theta", "factor",
                                             "original_max_position_embeddings", "attention_factor", "beta_fast",
                                             "beta_slow", "mscale", "mscale_all_dim", "truncate", "finetuned",
                                             "partial_rotary_factor"}));
    ATTUNE_ASSIGN(const bool truncate, reader.flagOr("truncate", true));
    if (!truncate)
        return fail(ErrorCode::Unsupported, "config.json: yarn with truncate = false is not known here",
                    "Choose another model.");
    ATTUNE_ASSIGN(rope.originalContext,
                  reader.sizeOr("original_max_position_embeddings", result.contextLength, kMaxContext));
    ATTUNE_ASSIGN(rope.factor, reader.positiveOr("factor", static_cast<double>(result.contextLength) /
                                                               static_cast<double>(rope.originalContext)));
    ATTUNE_ASSIGN(rope.betaFast, reader.positiveOr("beta_fast", 32.0));
    ATTUNE_ASSIGN(rope.betaSlow, reader.positiveOr("beta_slow", 1.0));
    if (reader.has("attention_factor")) {
        ATTUNE_ASSIGN(rope.attentionFactor, reader.positive("attention_factor"));
    } else if (reader.has("mscale") && reader.has("mscale_all_dim")) {
        ATTUNE_ASSIGN(const double m, reader.positive("mscale"));
        ATTUNE_ASSIGN(const double all, reader.positive("mscale_all_dim"));
        rope.attentionFactor = yarnMagnitude(rope.factor, m) / yarnMagnitude(rope.factor, all);
    } else {
        rope.attentionFactor = yarnMagnitude(rope.factor, 1.0);
    }
    return {};
}

Status readLongRope(const Json& config, const Json& scaling, ModelConfig& result) {
    const ConfigReader reader(scaling);
    RopeConfig& rope = result.rope;
    rope.scaling = RopeScaling::LongRope;
    ATTUNE_CHECK(
        refuseUnknownKeys(scaling, {"type", "rope_type", "rope_theta", "factor", "original_max_position_embeddings",
                                    "attention_factor", "short_factor", "long_factor", "partial_rotary_factor"}));
    // Phi-3 style files keep the original length beside the scaling, not in it.
    ATTUNE_ASSIGN(const std::int64_t outside,
                  ConfigReader(config).sizeOr("original_max_position_embeddings", result.contextLength, kMaxContext));
    ATTUNE_ASSIGN(rope.originalContext, reader.sizeOr("original_max_position_embeddings", outside, kMaxContext));
    const double ratio = static_cast<double>(result.contextLength) / static_cast<double>(rope.originalContext);
    ATTUNE_ASSIGN(rope.factor, reader.positiveOr("factor", ratio));
    ATTUNE_ASSIGN(rope.shortFactor, factors(scaling, "short_factor", result.rotatedDim() / 2));
    ATTUNE_ASSIGN(rope.longFactor, factors(scaling, "long_factor", result.rotatedDim() / 2));
    const double derived =
        rope.factor <= 1 ? 1.0
                         : std::sqrt(1 + std::log(rope.factor) / std::log(static_cast<double>(rope.originalContext)));
    ATTUNE_ASSIGN(rope.attentionFactor, reader.positiveOr("attention_factor", derived));
    return {};
}

} // namespace

Status readRopeConfig(const Json& config, ModelConfig& result, const char* thetaKey) {
    const ConfigReader reader(config);
    RopeConfig& rope = result.rope;
    ATTUNE_ASSIGN(rope.theta, reader.positiveOr(reader.has(thetaKey) ? thetaKey : "rope_theta", 10000.0));
    const std::string where = reader.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
    if (!reader.has(where))
        return {};
    const Json& scaling = config.at(where);
    if (!scaling.is_object())
        return fail(ErrorCode::InvalidData, "config.json: " + where + " is not an object",
                    "Download the config.json again.");
    const ConfigReader inner(scaling);
    ATTUNE_ASSIGN(rope.theta, inner.positiveOr("rope_theta", rope.theta));
    ATTUNE_ASSIGN(const std::string kind, inner.textOr(inner.has("rope_type") ? "rope_type" : "type", "default"));
    if (inner.has("partial_rotary_factor") && scaling.at("partial_rotary_factor") != Json(1.0) && result.rotaryDim == 0)
        return fail(ErrorCode::Unsupported, "config.json: partial_rotary_factor is not known for this family",
                    "Choose another model.");
    if (kind == "default")
        return {};
    if (kind == "linear" || kind == "dynamic") {
        const bool dynamic = kind == "dynamic";
        rope.scaling = dynamic ? RopeScaling::Dynamic : RopeScaling::Linear;
        ATTUNE_CHECK(refuseUnknownKeys(scaling, {"type", "rope_type", "rope_theta", "factor", "partial_rotary_factor",
                                                 "original_max_position_embeddings"}));
        ATTUNE_ASSIGN(rope.factor, inner.positive("factor"));
        rope.originalContext = result.contextLength;
        if (dynamic) {
            ATTUNE_ASSIGN(rope.originalContext,
                          inner.sizeOr("original_max_position_embeddings", result.contextLength, kMaxContext));
            // Grows with the sequence: the model may go on past its trained length.
            const double longer = static_cast<double>(rope.originalContext) * rope.factor;
            result.contextLength =
                std::max(result.contextLength, std::min(kMaxContext, static_cast<std::int64_t>(std::min(longer, 1e8))));
        }
        return {};
    }
    if (kind == "llama3") {
        rope.scaling = RopeScaling::Llama3;
        ATTUNE_CHECK(refuseUnknownKeys(scaling, {"type", "rope_type", "rope_theta", "factor", "low_freq_factor",
                                                 "high_freq_factor", "original_max_position_embeddings",
                                                 "partial_rotary_factor"}));
        ATTUNE_ASSIGN(rope.factor, inner.positive("factor"));
        ATTUNE_ASSIGN(rope.lowFreqFactor, inner.positive("low_freq_factor"));
        ATTUNE_ASSIGN(rope.highFreqFactor, inner.positive("high_freq_factor"));
        ATTUNE_ASSIGN(rope.originalContext, inner.size("original_max_position_embeddings", kMaxContext));
        if (rope.highFreqFactor <= rope.lowFreqFactor)
            return fail(ErrorCode::InvalidData, "config.json: high_freq_factor must be above low_freq_factor",
                        "Download the config.json again.");
        return {};
    }
    if (kind == "yarn")
        return readYarn(scaling, result);
    if (kind == "longrope" || kind == "su")
        return readLongRope(config, scaling, result);
    return fail(ErrorCode::Unsupported, "config.json: the rope kind \"" + kind.substr(0, 60) + "\" is not known here",
                "Choose a model with linear, dynamic, llama3, yarn or longrope scaling.");
}

} // namespace attune
