// What benchmarks share: model shapes by name, and this machine's rate of matrix products, the limit everything is
// compared with.
#pragma once

#include <string_view>

#include <ATen/core/Tensor.h>

#include "core/base/result.h"
#include "core/model_files/model_config.h"

namespace attune {

/// "15m", "135m", "360m", "1b", "7b": Llama shapes of that size. Errors: InvalidArgument naming the choices.
Result<ModelConfig> benchShape(std::string_view name);

/// Median rate of `runs` large square products with all threads, in FLOP per second; the faster of ATen and our own
/// products (kernels::multiply).
double measureGemmRate(at::ScalarType type, int runs = 9);

} // namespace attune
