#include "core/families/mixtral.h"

#include "core/families/decoder_config.h"
#include "core/families/named_family.h"
#include "core/families/rope_config.h"

namespace attune {

namespace {

class MixtralFamily final : public NamedFamily {
public:
    MixtralFamily() : NamedFamily({.inLayer = {{"mlp.gate", "block_sparse_moe.gate"}},
                                  .experts = "block_sparse_moe.experts.",
                                  .inExpert = {{"gate_proj", "w1"}, {"down_proj", "w2"}, {"up_proj", "w3"}}}) {}
    std::string id() const override { return "mixtral"; }
    bool accepts(std::string_view architecture) const override { return architecture == "MixtralForCausalLM"; }

    Result<ModelConfig> readConfig(const Json& config) const override {
        const ConfigReader reader(config);
        ModelConfig result;
        result.architecture = "MixtralForCausalLM";
        result.familyId = id();
        ATTUNE_CHECK(reader.refuseUnknownMathematics(
            decoderKeys({"rms_norm_eps", "hidden_act", "sliding_window", "layer_types", "num_local_experts", "num_experts_per_tok",
                         "router_aux_loss_coef", "output_router_logits"})));
        if (reader.has("router_jitter_noise") && config.at("router_jitter_noise") != 0)
            return fail(ErrorCode::Unsupported,
                        "config.json: router_jitter_noise adds noise to what the router sees while training, which is not done here",
                        "Set it to 0 in config.json to use the model without that noise; its answers do not depend on it.");
        ATTUNE_CHECK(readDecoderShape(config, {.contextLength = 131072, .normEpsilon = 1e-5}, result));
        ATTUNE_CHECK(readExperts(config, "num_local_experts", 8, 2, result));
        ATTUNE_CHECK(readRopeConfig(config, result));
        if (!reader.has("rope_theta") && !reader.has("rope_parameters"))
            result.rope.theta = 1e6;
        ATTUNE_CHECK(readSlidingWindow(config, 0, [](std::int64_t) { return true; }, result));
        return result;
    }
};

} // namespace

std::unique_ptr<ModelFamily> makeMixtralFamily() {
    return std::make_unique<MixtralFamily>();
}

} // namespace attune
