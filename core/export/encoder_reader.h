// The weights of a model folder into an Encoder. Engine thread.
#pragma once

#include "core/model_files/model_source.h"
#include "core/nn/encoder.h"

namespace attune {

/// Errors: those of readEncoderConfig; InvalidData (a tensor is missing or misshapen, named), Io.
Result<Encoder> readEncoder(const ModelSource& source, at::ScalarType type);

} // namespace attune
