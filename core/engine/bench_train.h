// `bench train`: whole optimizer steps of a model shape with random weights, against the GEMM rate measured in the same
// run. Engine thread.
#pragma once

#include <stop_token>

#include "core/base/json.h"
#include "core/base/result.h"

namespace attune {

/// Options: shape ("15m", "135m", "360m", "1b"), method ("lora" r = 16 on all linear layers, "full"), dtype ("bf16",
/// "f32"), batch (rows), seq (tokens of a row), steps (measured ones, after one of warm-up), micro_batch_tokens.
/// Result: tokens_per_second, seconds_per_step (median), peak_bytes (VmHWM), gemm_gflops, limit_share (FLOP of the
/// products a step cannot avoid / gemm rate / seconds), parts (seconds).
Result<Json> benchTrain(const Json& options, std::stop_token stop);

} // namespace attune
