#include "core/families/gemma.h"

#include <cmath>

#include "core/families/decoder_config.h"
#include "core/families/named_family.h"
#include "core/families/rope_config.h"

namespace attune {

namespace {

class GemmaFamily final : public NamedFamily {
public:
    std::string id() const override { return "gemma"; }
    bool accepts(std::string_view architecture) const override { return architecture == "GemmaForCausalLM"; }

    Result<ModelConfig> readConfig(const Json& config) const override {
        const ConfigReader reader(config);
        ModelConfig result;
        result.architecture = "GemmaForCausalLM";
        result.familyId = id();
        ATTUNE_CHECK(reader.refuseUnknownMathematics(
            decoderKeys({"rms_norm_eps", "hidden_act", "hidden_activation", "attention_bias"})));
        // Early exports say "gelu" in hidden_act and mean the tanh form; hidden_activation came to tell them apart.
        ATTUNE_CHECK(readDecoderShape(config,
                                      {.contextLength = 8192,
                                       .activationKey = "hidden_activation",
                                       .activation = "gelu_pytorch_tanh",
                                       .tiedHead = true,
                                       .headDim = 256},
                                      result));
        ATTUNE_ASSIGN(result.qkvBias, reader.flagOr("attention_bias", false));
        result.attentionOutputBias = result.qkvBias;
        result.embeddingMultiplier = std::sqrt(static_cast<double>(result.hiddenSize));
        ATTUNE_CHECK(readRopeConfig(config, result));
        return result;
    }

protected:
    void locate(std::string_view module, const ModelConfig&, DiskTensor& tensor) const override {
        locateNormsWithoutOne(module, tensor);
    }
};

} // namespace

std::unique_ptr<ModelFamily> makeGemmaFamily() {
    return std::make_unique<GemmaFamily>();
}

} // namespace attune
