#include "core/families/olmoe.h"

#include "core/families/decoder_config.h"
#include "core/families/named_family.h"
#include "core/families/rope_config.h"

namespace attune {

namespace {

class OlmoeFamily final : public NamedFamily {
public:
    std::string id() const override { return "olmoe"; }
    bool accepts(std::string_view architecture) const override { return architecture == "OlmoeForCausalLM"; }

    Result<ModelConfig> readConfig(const Json& config) const override {
        const ConfigReader reader(config);
        ModelConfig result;
        result.architecture = "OlmoeForCausalLM";
        result.familyId = id();
        ATTUNE_CHECK(reader.refuseUnknownMathematics(
            decoderKeys({"rms_norm_eps", "hidden_act", "attention_bias", "num_experts", "num_experts_per_tok", "norm_topk_prob",
                         "router_aux_loss_coef", "output_router_logits"})));
        ATTUNE_CHECK(readDecoderShape(config, {.contextLength = 4096, .normEpsilon = 1e-5}, result));
        ATTUNE_CHECK(readExperts(config, "num_experts", 64, 8, result, 0.01));
        ATTUNE_ASSIGN(result.renormalizedExperts, reader.flagOr("norm_topk_prob", false));
        ATTUNE_ASSIGN(result.qkvBias, reader.flagOr("attention_bias", false));
        result.attentionOutputBias = result.qkvBias;
        result.qkNorm = QkNorm::Projection;
        ATTUNE_CHECK(readRopeConfig(config, result));
        return result;
    }
};

} // namespace

std::unique_ptr<ModelFamily> makeOlmoeFamily() {
    return std::make_unique<OlmoeFamily>();
}

} // namespace attune
