#include "core/families/gemma2.h"

#include <cmath>

#include "core/families/decoder_config.h"
#include "core/families/named_family.h"
#include "core/families/rope_config.h"

namespace attune {

namespace {

class Gemma2Family final : public NamedFamily {
public:
    Gemma2Family() : NamedFamily({.inLayer = {{"post_attention_layernorm", "pre_feedforward_layernorm"},
                                             {"post_self_attn_layernorm", "post_attention_layernorm"},
                                             {"post_mlp_layernorm", "post_feedforward_layernorm"}}}) {}
    std::string id() const override { return "gemma2"; }
    bool accepts(std::string_view architecture) const override { return architecture == "Gemma2ForCausalLM"; }

    Result<ModelConfig> readConfig(const Json& config) const override {
        const ConfigReader reader(config);
        ModelConfig result;
        result.architecture = "Gemma2ForCausalLM";
        result.familyId = id();
        ATTUNE_CHECK(reader.refuseUnknownMathematics(
            decoderKeys({"rms_norm_eps", "hidden_act", "hidden_activation", "attention_bias", "query_pre_attn_scalar",
                         "attn_logit_softcapping", "final_logit_softcapping", "sliding_window", "layer_types"})));
        ATTUNE_CHECK(readDecoderShape(config,
                                      {.contextLength = 8192,
                                       .activationKey = "hidden_activation",
                                       .activation = "gelu_pytorch_tanh",
                                       .tiedHead = true,
                                       .headDim = 256},
                                      result));
        ATTUNE_ASSIGN(result.qkvBias, reader.flagOr("attention_bias", false));
        result.attentionOutputBias = result.qkvBias;
        result.postNorm = true;
        result.embeddingMultiplier = std::sqrt(static_cast<double>(result.hiddenSize));
        ATTUNE_ASSIGN(const double scalar, reader.positiveOr("query_pre_attn_scalar", 256.0));
        result.queryScale = 1.0 / std::sqrt(scalar);
        ATTUNE_ASSIGN(result.attentionSoftCap, readOptionalNumber(config, "attn_logit_softcapping", 50.0));
        ATTUNE_ASSIGN(result.logitSoftCap, readOptionalNumber(config, "final_logit_softcapping", 30.0));
        ATTUNE_CHECK(readRopeConfig(config, result));
        ATTUNE_CHECK(readSlidingWindow(config, 4096, [](std::int64_t layer) { return layer % 2 == 0; }, result));
        return result;
    }

protected:
    void locate(std::string_view module, const ModelConfig&, DiskTensor& tensor) const override {
        locateNormsWithoutOne(module, tensor);
    }
};

} // namespace

std::unique_ptr<ModelFamily> makeGemma2Family() {
    return std::make_unique<Gemma2Family>();
}

} // namespace attune
