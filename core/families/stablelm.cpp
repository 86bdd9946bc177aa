#include "core/families/stablelm.h"

#include "core/families/decoder_config.h"
#include "core/families/named_family.h"
#include "core/families/rope_config.h"

namespace attune {

namespace {

class StableLmFamily final : public NamedFamily {
public:
    std::string id() const override { return "stablelm"; }
    bool accepts(std::string_view architecture) const override { return architecture == "StableLmForCausalLM"; }

    Result<ModelConfig> readConfig(const Json& config) const override {
        const ConfigReader reader(config);
        ModelConfig result;
        result.architecture = "StableLmForCausalLM";
        result.familyId = id();
        ATTUNE_CHECK(reader.refuseUnknownMathematics(
            decoderKeys({"layer_norm_eps", "hidden_act", "use_qkv_bias", "partial_rotary_factor", "use_parallel_residual"})));
        ATTUNE_CHECK(readDecoderShape(
            config, {.contextLength = 4096, .normEpsilonKey = "layer_norm_eps", .normEpsilon = 1e-5}, result));
        result.norm = NormKind::LayerNorm;
        ATTUNE_ASSIGN(result.qkvBias, reader.flagOr("use_qkv_bias", false));
        ATTUNE_ASSIGN(const bool parallel, reader.flagOr("use_parallel_residual", false));
        if (parallel)
            result.layout = BlockLayout::ParallelSharedNorm;
        ATTUNE_CHECK(readRotaryShare(config, "partial_rotary_factor", 0.25, result));
        ATTUNE_CHECK(readRopeConfig(config, result));
        return result;
    }

protected:
    void locate(std::string_view module, const ModelConfig& config, DiskTensor& tensor) const override {
        locateRotatedHeads(module, config, tensor);
    }
};

} // namespace

std::unique_ptr<ModelFamily> makeStableLmFamily() {
    return std::make_unique<StableLmFamily>();
}

} // namespace attune
