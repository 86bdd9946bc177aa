#include "core/families/mistral.h"

#include "core/families/decoder_config.h"
#include "core/families/named_family.h"
#include "core/families/rope_config.h"

namespace attune {

namespace {

class MistralFamily final : public NamedFamily {
public:
    std::string id() const override { return "mistral"; }
    bool accepts(std::string_view architecture) const override { return architecture == "MistralForCausalLM"; }

    Result<ModelConfig> readConfig(const Json& config) const override {
        const ConfigReader reader(config);
        ModelConfig result;
        result.architecture = "MistralForCausalLM";
        result.familyId = id();
        ATTUNE_CHECK(reader.refuseUnknownMathematics(
            decoderKeys({"rms_norm_eps", "hidden_act", "sliding_window", "layer_types"})));
        ATTUNE_CHECK(readDecoderShape(config, {.contextLength = 131072}, result));
        ATTUNE_CHECK(readRopeConfig(config, result));
        ATTUNE_CHECK(readSlidingWindow(config, 4096, [](std::int64_t) { return true; }, result));
        return result;
    }
};

} // namespace

std::unique_ptr<ModelFamily> makeMistralFamily() {
    return std::make_unique<MistralFamily>();
}

} // namespace attune
