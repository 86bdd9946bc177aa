// New weights for a model folder that has only its config: the start of pre-training. Engine thread.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/result.h"

namespace attune {

/// Writes model.safetensors (bf16, random as CausalLm::initializeRandom) beside the folder's config.json. Errors: InvalidArgument when there
/// are weights already, Unsupported for families whose stored names are not the canonical ones, those of reading the config, OutOfSpace, Io.
Status initializeModel(const std::string& folder, std::uint64_t seed);

} // namespace attune
