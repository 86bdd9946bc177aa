// Encoders of the BERT family: how their config.json and the files of sentence-transformers around it are read, and how their tensors
// are called on disk. Torch-free, stateless.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/model_files/encoder_config.h"
#include "core/model_files/model_source.h"

namespace attune {

/// Whether a config.json is that of an encoder read here (by its model_type), so that the decoders' families need not try.
bool describesEncoder(const Json& config);

/// config.json, and where the folder has them modules.json, its pooling's config.json and sentence_bert_config.json. Errors: InvalidData
/// (key named), Unsupported (another kind of model, a key that changes the mathematics, a module we do not know).
Result<EncoderConfig> readEncoderConfig(const ModelSource& source);

/// The names a parameter may have on disk, first one that exists is taken. Ours: "words", "positions", "types", "norm.weight",
/// "layer.3.query.weight", and of a layer key, value, out, attention_norm, up, down, mlp_norm.
std::vector<std::string> encoderTensorNames(const EncoderConfig& config, std::string_view name);

} // namespace attune
