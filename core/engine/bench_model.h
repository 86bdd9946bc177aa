// The model a benchmark runs: a shape with random weights, or a model folder. Engine thread.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/nn/causal_lm.h"

namespace attune {

/// Options: "model" (a folder) or "shape" (15m, 135m, 360m, 1b; default 135m), "dtype" (bf16, f32; default bf16).
/// Errors: InvalidArgument naming the option, and those of loadModel.
Result<std::unique_ptr<CausalLm>> benchModel(const Json& options, std::stop_token stop);

} // namespace attune
