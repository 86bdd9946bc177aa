#include "core/families/olmo2.h"

#include "core/families/decoder_config.h"
#include "core/families/named_family.h"
#include "core/families/rope_config.h"

namespace attune {

namespace {

class Olmo2Family final : public NamedFamily {
public:
    Olmo2Family() : NamedFamily({.inLayer = {{"post_self_attn_layernorm", "post_attention_layernorm"},
                                            {"post_mlp_layernorm", "post_feedforward_layernorm"}}}) {}
    std::string id() const override { return "olmo2"; }
    bool accepts(std::string_view architecture) const override { return architecture == "Olmo2ForCausalLM"; }

    Result<ModelConfig> readConfig(const Json& config) const override {
        const ConfigReader reader(config);
        ModelConfig result;
        result.architecture = "Olmo2ForCausalLM";
        result.familyId = id();
        ATTUNE_CHECK(reader.refuseUnknownMathematics(decoderKeys({"rms_norm_eps", "hidden_act", "attention_bias"})));
        ATTUNE_CHECK(readDecoderShape(config, {.normEpsilon = 1e-5}, result));
        ATTUNE_ASSIGN(result.qkvBias, reader.flagOr("attention_bias", false));
        result.attentionOutputBias = result.qkvBias;
        result.preNorm = false, result.postNorm = true;
        result.qkNorm = QkNorm::Projection;
        ATTUNE_CHECK(readRopeConfig(config, result));
        return result;
    }
};

} // namespace

std::unique_ptr<ModelFamily> makeOlmo2Family() {
    return std::make_unique<Olmo2Family>();
}

} // namespace attune
