#include "core/families/llama.h"

#include "core/families/decoder_config.h"
#include "core/families/named_family.h"
#include "core/families/rope_config.h"

namespace attune {

namespace {

class LlamaFamily final : public NamedFamily {
public:
    std::string id() const override { return "llama"; }
    bool accepts(std::string_view architecture) const override { return architecture == "LlamaForCausalLM"; }

    Result<ModelConfig> readConfig(const Json& config) const override {
        const ConfigReader reader(config);
        ATTUNE_CHECK(reader.refuseUnknownMathematics(
            decoderKeys({"rms_norm_eps", "hidden_act", "attention_bias", "mlp_bias"})));
        ModelConfig result;
        result.architecture = "LlamaForCausalLM";
        result.familyId = id();
        ATTUNE_CHECK(readDecoderShape(config, {}, result));
        ATTUNE_ASSIGN(result.qkvBias, reader.flagOr("attention_bias", false));
        result.attentionOutputBias = result.qkvBias;
        ATTUNE_ASSIGN(result.mlpBias, reader.flagOr("mlp_bias", false));
        ATTUNE_CHECK(readRopeConfig(config, result));
        return result;
    }
};

} // namespace

std::unique_ptr<ModelFamily> makeLlamaFamily() {
    return std::make_unique<LlamaFamily>();
}

} // namespace attune
