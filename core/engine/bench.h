// The engine's benchmarks behind Engine::bench: "train", "generate" and "gemm" (the matrix rates alone). Options and result as JSON. Engine thread.
#pragma once

#include <stop_token>
#include <string>

#include "core/base/json.h"
#include "core/base/result.h"

namespace attune {

/// Options: "shape" (15m, 135m, 360m, 1b) or "model" (a folder), "method", "dtype", "batch", "seq", "steps", "threads", ...
/// Result: at least {"tokens_per_second", "peak_bytes", "gemm_gflops", "limit_share"}. Errors: InvalidArgument naming the option.
Result<Json> runBench(const std::string& what, const Json& options, std::stop_token stop);

} // namespace attune
