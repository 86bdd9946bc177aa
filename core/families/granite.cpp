#include "core/families/granite.h"

#include "core/families/decoder_config.h"
#include "core/families/named_family.h"
#include "core/families/rope_config.h"

namespace attune {

namespace {

class GraniteFamily final : public NamedFamily {
public:
    std::string id() const override { return "granite"; }
    bool accepts(std::string_view architecture) const override { return architecture == "GraniteForCausalLM"; }

    Result<ModelConfig> readConfig(const Json& config) const override {
        const ConfigReader reader(config);
        ModelConfig result;
        result.architecture = "GraniteForCausalLM";
        result.familyId = id();
        ATTUNE_CHECK(reader.refuseUnknownMathematics(
            decoderKeys({"rms_norm_eps", "hidden_act", "attention_bias", "mlp_bias", "embedding_multiplier",
                         "attention_multiplier", "residual_multiplier", "logits_scaling"})));
        ATTUNE_CHECK(readDecoderShape(config, {}, result));
        ATTUNE_ASSIGN(result.qkvBias, reader.flagOr("attention_bias", false));
        result.attentionOutputBias = result.qkvBias;
        ATTUNE_ASSIGN(result.mlpBias, reader.flagOr("mlp_bias", false));
        ATTUNE_ASSIGN(result.embeddingMultiplier, reader.positiveOr("embedding_multiplier", 1.0));
        ATTUNE_ASSIGN(result.queryScale, reader.positiveOr("attention_multiplier", 1.0));
        ATTUNE_ASSIGN(result.residualMultiplier, reader.positiveOr("residual_multiplier", 1.0));
        ATTUNE_ASSIGN(const double divisor, reader.positiveOr("logits_scaling", 1.0));
        result.logitMultiplier = 1.0 / divisor;
        ATTUNE_CHECK(readRopeConfig(config, result));
        return result;
    }
};

} // namespace

std::unique_ptr<ModelFamily> makeGraniteFamily() {
    return std::make_unique<GraniteFamily>();
}

} // namespace attune
