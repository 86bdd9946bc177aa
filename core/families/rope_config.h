// The rotary position part of a config.json in its three spellings: rope_theta + rope_scaling with "type" or
// "rope_type", and rope_parameters of newer transformers. Used by the families only.
#pragma once

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/model_files/model_config.h"

namespace attune {

/// Fills rope and, for the kinds that stretch it, contextLength (which must hold max_position_embeddings; headDim must
/// be set, and rotaryDim where a head is rotated in part). Errors: InvalidData, Unsupported (a kind or a key we do not know,
/// named). thetaKey: another name of rope_theta.
Status readRopeConfig(const Json& config, ModelConfig& result, const char* thetaKey = "rope_theta");

} // namespace attune
