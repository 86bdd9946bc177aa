// `bench generate`: prefill and decoding speed of a model shape with random weights or of a model folder, against what the memory
// and the GEMM rate measured in the same run allow. Engine thread.
#pragma once

#include <stop_token>

#include "core/base/json.h"
#include "core/base/result.h"

namespace attune {

/// Options: shape | model, dtype ("bf16", "f32"), batch (prompts), seq (tokens of a prompt), tokens (decoded). Result: tokens_per_second
/// (decoding, all prompts together), prefill_tokens_per_second, prefill_limit_share, limit_share (decoding: weight bytes read per second over
/// the measured memory rate), gemm_gflops, memory_gbytes_per_second, peak_bytes, and for one prompt pass_costs (a pass over 2, 4, 8 tokens of a
/// text, in passes over one).
Result<Json> benchGenerate(const Json& options, std::stop_token stop);

} // namespace attune
