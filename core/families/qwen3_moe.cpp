#include "core/families/qwen3_moe.h"

#include "core/families/decoder_config.h"
#include "core/families/named_family.h"
#include "core/families/rope_config.h"

namespace attune {

namespace {

class Qwen3MoeFamily final : public NamedFamily {
public:
    std::string id() const override { return "qwen3_moe"; }
    bool accepts(std::string_view architecture) const override { return architecture == "Qwen3MoeForCausalLM"; }

    Result<ModelConfig> readConfig(const Json& config) const override {
        const ConfigReader reader(config);
        ModelConfig result;
        result.architecture = "Qwen3MoeForCausalLM";
        result.familyId = id();
        ATTUNE_CHECK(reader.refuseUnknownMathematics(
            decoderKeys({"rms_norm_eps", "hidden_act", "attention_bias", "sliding_window", "num_experts", "num_experts_per_tok",
                         "moe_intermediate_size", "norm_topk_prob", "decoder_sparse_step", "mlp_only_layers", "router_aux_loss_coef",
                         "output_router_logits"})));
        ATTUNE_ASSIGN(const std::int64_t everyLayer, reader.sizeOr("decoder_sparse_step", 1, kMaxSize));
        if (everyLayer != 1)
            return fail(ErrorCode::Unsupported, "config.json: decoder_sparse_step: experts in some layers only are not known here",
                        "Choose another model.");
        if (reader.has("mlp_only_layers") && !config.at("mlp_only_layers").empty())
            return fail(ErrorCode::Unsupported, "config.json: mlp_only_layers: layers without experts are not known here",
                        "Choose another model.");
        ATTUNE_ASSIGN(const bool windows, reader.flagOr("use_sliding_window", false));
        if (windows)
            return fail(ErrorCode::Unsupported, "config.json: use_sliding_window is not known here for this architecture",
                        "Choose another model.");
        ATTUNE_CHECK(readDecoderShape(config, {.contextLength = 32768}, result));
        ATTUNE_ASSIGN(result.intermediateSize, reader.sizeOr("moe_intermediate_size", 768, kMaxSize * 8));
        ATTUNE_CHECK(readExperts(config, "num_experts", 128, 8, result));
        ATTUNE_ASSIGN(result.renormalizedExperts, reader.flagOr("norm_topk_prob", false));
        ATTUNE_ASSIGN(result.qkvBias, reader.flagOr("attention_bias", false));
        result.attentionOutputBias = result.qkvBias;
        result.qkNorm = QkNorm::Head;
        ATTUNE_CHECK(readRopeConfig(config, result));
        return result;
    }
};

} // namespace

std::unique_ptr<ModelFamily> makeQwen3MoeFamily() {
    return std::make_unique<Qwen3MoeFamily>();
}

} // namespace attune
