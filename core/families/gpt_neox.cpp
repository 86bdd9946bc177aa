#include "core/families/gpt_neox.h"

#include <array>

#include "core/families/decoder_config.h"
#include "core/families/named_family.h"
#include "core/families/rope_config.h"

namespace attune {

namespace {

class GptNeoxFamily final : public NamedFamily {
public:
    GptNeoxFamily() : NamedFamily({.body = "gpt_neox.",
                                   .layers = "gpt_neox.layers.",
                                   .outside = {{"model.embed_tokens", "gpt_neox.embed_in"},
                                               {"model.norm", "gpt_neox.final_layer_norm"},
                                               {"lm_head", "embed_out"}},
                                   .inLayer = {{"self_attn.q_proj", "attention.query_key_value"},
                                               {"self_attn.k_proj", "attention.query_key_value"},
                                               {"self_attn.v_proj", "attention.query_key_value"},
                                               {"self_attn.o_proj", "attention.dense"},
                                               {"mlp.up_proj", "mlp.dense_h_to_4h"},
                                               {"mlp.down_proj", "mlp.dense_4h_to_h"}}}) {}
    std::string id() const override { return "gpt_neox"; }
    bool accepts(std::string_view architecture) const override { return architecture == "GPTNeoXForCausalLM"; }

    Result<ModelConfig> readConfig(const Json& config) const override {
        const ConfigReader reader(config);
        ModelConfig result;
        result.architecture = "GPTNeoXForCausalLM";
        result.familyId = id();
        ATTUNE_CHECK(reader.refuseUnknownMathematics(
            decoderKeys({"layer_norm_eps", "hidden_act", "rotary_pct", "rotary_emb_base", "partial_rotary_factor",
                         "use_parallel_residual", "attention_bias", "classifier_dropout"})));
        ATTUNE_CHECK(readDecoderShape(
            config, {.normEpsilonKey = "layer_norm_eps", .normEpsilon = 1e-5, .activation = "gelu"}, result));
        result.norm = NormKind::LayerNorm;
        ATTUNE_ASSIGN(const bool parallel, reader.flagOr("use_parallel_residual", true));
        if (parallel)
            result.layout = BlockLayout::Parallel;
        result.gatedMlp = false;
        ATTUNE_ASSIGN(result.qkvBias, reader.flagOr("attention_bias", true));
        result.attentionOutputBias = result.qkvBias;
        result.mlpBias = true;
        ATTUNE_CHECK(readRotaryShare(config, reader.has("partial_rotary_factor") ? "partial_rotary_factor" : "rotary_pct", 0.25,
                                     result));
        ATTUNE_CHECK(readRopeConfig(config, result, "rotary_emb_base"));
        return result;
    }

    bool ignorable(std::string_view diskName, const ModelConfig& config) const override {
        // The causal mask and its fill value, stored by old exports.
        return diskName.ends_with(".attention.bias") || diskName.ends_with(".attention.masked_bias") ||
               NamedFamily::ignorable(diskName, config);
    }

protected:
    // query_key_value holds for each head its query, its key and its value.
    void locate(std::string_view module, const ModelConfig& config, DiskTensor& tensor) const override {
        constexpr std::array<std::string_view, 3> kThirds{"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"};
        for (std::size_t third = 0; third < kThirds.size(); ++third)
            if (module == kThirds[third])
                tensor.rows = headRows(config, config.heads, static_cast<std::int64_t>(third) * config.headDim,
                                       3 * config.headDim, third < 2);
    }
};

} // namespace

std::unique_ptr<ModelFamily> makeGptNeoxFamily() {
    return std::make_unique<GptNeoxFamily>();
}

} // namespace attune
