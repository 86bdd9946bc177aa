#include "core/families/gemma3.h"

#include <cmath>

#include "core/families/decoder_config.h"
#include "core/families/named_family.h"
#include "core/families/rope_config.h"

namespace attune {

namespace {

class Gemma3Family final : public NamedFamily {
public:
    Gemma3Family() : NamedFamily({.inLayer = {{"post_attention_layernorm", "pre_feedforward_layernorm"},
                                             {"post_self_attn_layernorm", "post_attention_layernorm"},
                                             {"post_mlp_layernorm", "post_feedforward_layernorm"}}}) {}
    std::string id() const override { return "gemma3"; }
    bool accepts(std::string_view architecture) const override { return architecture == "Gemma3ForCausalLM"; }

    Result<ModelConfig> readConfig(const Json& config) const override {
        const ConfigReader reader(config);
        ModelConfig result;
        result.architecture = "Gemma3ForCausalLM";
        result.familyId = id();
        ATTUNE_CHECK(reader.refuseUnknownMathematics(
            decoderKeys({"rms_norm_eps", "hidden_act", "hidden_activation", "attention_bias", "query_pre_attn_scalar",
                         "attn_logit_softcapping", "final_logit_softcapping", "sliding_window", "layer_types",
                         "sliding_window_pattern", "_sliding_window_pattern", "rope_local_base_freq"})));
        ATTUNE_CHECK(readDecoderShape(config,
                                      {.contextLength = 131072,
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
        result.qkNorm = QkNorm::Head;
        ATTUNE_ASSIGN(result.attentionSoftCap, readOptionalNumber(config, "attn_logit_softcapping", 0.0));
        ATTUNE_ASSIGN(result.logitSoftCap, readOptionalNumber(config, "final_logit_softcapping", 0.0));
        ATTUNE_CHECK(readGlobalAndLocalRope(config, result));
        const char* patternKey = reader.has("sliding_window_pattern") ? "sliding_window_pattern" : "_sliding_window_pattern";
        ATTUNE_ASSIGN(const std::int64_t pattern, reader.sizeOr(patternKey, 6, 10000));
        ATTUNE_CHECK(
            readSlidingWindow(config, 4096, [&](std::int64_t layer) { return (layer + 1) % pattern != 0; }, result));
        return result;
    }

protected:
    void locate(std::string_view module, const ModelConfig&, DiskTensor& tensor) const override {
        locateNormsWithoutOne(module, tensor);
    }

private:
    // rope_theta and rope_scaling are of the global layers, rope_local_base_freq of the local ones; newer exports have
    // rope_parameters with one object for each kind.
    static Status readGlobalAndLocalRope(const Json& config, ModelConfig& result) {
        const auto nested = config.find("rope_parameters");
        if (nested != config.end() && nested->is_object() && nested->contains("full_attention")) {
            Json global = config, local = config;
            global["rope_parameters"] = nested->at("full_attention");
            ModelConfig ofLocal = result;
            if (nested->contains("sliding_attention")) {
                local["rope_parameters"] = nested->at("sliding_attention");
                ATTUNE_CHECK(readRopeConfig(local, ofLocal));
                result.localRope = ofLocal.rope;
            }
            return readRopeConfig(global, result);
        }
        ATTUNE_CHECK(readRopeConfig(config, result));
        const ConfigReader reader(config);
        if (!reader.has("rope_theta") && !reader.has("rope_parameters"))
            result.rope.theta = 1e6;
        RopeConfig local;
        ATTUNE_ASSIGN(local.theta, reader.positiveOr("rope_local_base_freq", 10000.0));
        result.localRope = local;
        return {};
    }
};

} // namespace

std::unique_ptr<ModelFamily> makeGemma3Family() {
    return std::make_unique<Gemma3Family>();
}

} // namespace attune
