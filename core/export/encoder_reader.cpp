#include "core/export/encoder_reader.h"

#include <ATen/ATen.h>

#include "core/export/weight_reader.h"
#include "core/families/encoder_family.h"

namespace attune {

namespace {

Status readInto(const ModelSource& source, const EncoderConfig& config, const std::string& name, const at::Tensor& target) {
    const auto names = encoderTensorNames(config, name);
    for (const std::string& stored : names)
        if (const auto found = source.find(stored)) {
            ModelFamily::DiskTensor layout;
            layout.name = stored;
            return readStored({*found, layout}, target);
        }
    return fail(ErrorCode::InvalidData, source.folder().string() + ": the tensor " + names.front() + " is missing", "Download the model again.");
}

} // namespace

Result<Encoder> readEncoder(const ModelSource& source, at::ScalarType type) {
    ATTUNE_ASSIGN(const EncoderConfig config, readEncoderConfig(source));
    ATTUNE_ASSIGN(Encoder encoder, Encoder::create(config, type));
    const auto read = [&](const std::string& name, const at::Tensor& target) { return readInto(source, config, name, target); };
    const auto readNorm = [&](const std::string& name, const EncoderNorm& norm) -> Status {
        ATTUNE_CHECK(read(name + ".weight", norm.weight));
        return read(name + ".bias", norm.bias);
    };
    const auto readLinear = [&](const std::string& name, const at::Tensor& weight, const at::Tensor& bias) -> Status {
        ATTUNE_CHECK(read(name + ".weight", weight));
        return read(name + ".bias", bias);
    };
    ATTUNE_CHECK(read("words", encoder.words));
    ATTUNE_CHECK(read("positions", encoder.positions));
    if (encoder.types.defined())
        ATTUNE_CHECK(read("types", encoder.types));
    ATTUNE_CHECK(readNorm("norm", encoder.norm));
    for (std::size_t i = 0; i < encoder.layers.size(); ++i) {
        const Encoder::Layer& layer = encoder.layers[i];
        const std::string prefix = "layer." + std::to_string(i) + ".";
        std::int64_t row = 0;
        for (const char* part : {"query", "key", "value"}) {
            ATTUNE_CHECK(readLinear(prefix + part, layer.qkv.weight.narrow(0, row, config.hiddenSize), layer.qkv.bias.narrow(0, row, config.hiddenSize)));
            row += config.hiddenSize;
        }
        ATTUNE_CHECK(readLinear(prefix + "out", layer.out.weight, layer.out.bias));
        ATTUNE_CHECK(readNorm(prefix + "attention_norm", layer.attentionNorm));
        ATTUNE_CHECK(readLinear(prefix + "up", layer.up.weight, layer.up.bias));
        ATTUNE_CHECK(readLinear(prefix + "down", layer.down.weight, layer.down.bias));
        ATTUNE_CHECK(readNorm(prefix + "mlp_norm", layer.mlpNorm));
    }
    return encoder;
}

} // namespace attune
