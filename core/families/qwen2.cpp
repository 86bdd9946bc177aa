#include "core/families/qwen2.h"

#include "core/families/decoder_config.h"
#include "core/families/named_family.h"
#include "core/families/rope_config.h"

namespace attune {

namespace {

class Qwen2Family final : public NamedFamily {
public:
    std::string id() const override { return "qwen2"; }
    bool accepts(std::string_view architecture) const override { return architecture == "Qwen2ForCausalLM"; }

    Result<ModelConfig> readConfig(const Json& config) const override {
        const ConfigReader reader(config);
        ModelConfig result;
        result.architecture = "Qwen2ForCausalLM";
        result.familyId = id();
        ATTUNE_CHECK(reader.refuseUnknownMathematics(
            decoderKeys({"rms_norm_eps", "hidden_act", "sliding_window", "layer_types"})));
        ATTUNE_CHECK(readDecoderShape(config, {.contextLength = 32768}, result));
        result.qkvBias = true;
        ATTUNE_CHECK(readRopeConfig(config, result));
        ATTUNE_ASSIGN(const bool windows, reader.flagOr("use_sliding_window", false));
        if (windows) {
            const bool allLocal = reader.has("max_window_layers") && reader.at("max_window_layers") == 0;
            ATTUNE_ASSIGN(const std::int64_t full, allLocal ? Result<std::int64_t>(0)
                                                        : reader.sizeOr("max_window_layers", 28, 10000));
            ATTUNE_CHECK(readSlidingWindow(config, 4096, [&](std::int64_t layer) { return layer >= full; }, result));
        }
        return result;
    }
};

} // namespace

std::unique_ptr<ModelFamily> makeQwen2Family() {
    return std::make_unique<Qwen2Family>();
}

} // namespace attune
