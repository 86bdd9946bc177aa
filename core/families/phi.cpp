#include "core/families/phi.h"

#include "core/families/decoder_config.h"
#include "core/families/named_family.h"
#include "core/families/rope_config.h"

namespace attune {

namespace {

class PhiFamily final : public NamedFamily {
public:
    PhiFamily() : NamedFamily({.outside = {{"model.norm", "model.final_layernorm"}},
                               .inLayer = {{"self_attn.o_proj", "self_attn.dense"},
                                           {"mlp.up_proj", "mlp.fc1"},
                                           {"mlp.down_proj", "mlp.fc2"}}}) {}
    std::string id() const override { return "phi"; }
    bool accepts(std::string_view architecture) const override { return architecture == "PhiForCausalLM"; }

    Result<ModelConfig> readConfig(const Json& config) const override {
        const ConfigReader reader(config);
        ModelConfig result;
        result.architecture = "PhiForCausalLM";
        result.familyId = id();
        ATTUNE_CHECK(reader.refuseUnknownMathematics(
            decoderKeys({"layer_norm_eps", "hidden_act", "partial_rotary_factor", "attn_pdrop", "embd_pdrop", "resid_pdrop"})));
        ATTUNE_CHECK(readDecoderShape(
            config, {.normEpsilonKey = "layer_norm_eps", .normEpsilon = 1e-5, .activation = "gelu_new"}, result));
        result.norm = NormKind::LayerNorm;
        result.layout = BlockLayout::ParallelSharedNorm;
        result.gatedMlp = false;
        result.qkvBias = result.attentionOutputBias = result.mlpBias = result.headBias = true;
        ATTUNE_CHECK(readRotaryShare(config, "partial_rotary_factor", 0.5, result));
        ATTUNE_CHECK(readRopeConfig(config, result));
        return result;
    }

protected:
    void locate(std::string_view module, const ModelConfig& config, DiskTensor& tensor) const override {
        locateRotatedHeads(module, config, tensor);
    }
};

} // namespace

std::unique_ptr<ModelFamily> makePhiFamily() {
    return std::make_unique<PhiFamily>();
}

} // namespace attune
