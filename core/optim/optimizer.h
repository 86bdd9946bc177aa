// Optimizers over Parameters. The state is plain tensors so that checkpoints can store it as safetensors.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/base/param_spec.h"
#include "core/base/result.h"
#include "core/nn/causal_lm.h"

namespace attune {

struct StepResult {
    double gradientNorm = 0; // global L2 norm before clipping
    bool finite = true;      // false: nothing was changed
};

class Optimizer {
public:
    virtual ~Optimizer() = default;
    /// One update of all parameters (each at learningRate x its rateFactor) from their gradients, clipped to maxGradientNorm (0 = off) in the same pass; the
    /// gradients are zeroed. With a non-finite norm nothing changes and finite is false.
    virtual StepResult step(double learningRate, double maxGradientNorm) = 0;
    struct StateTensor {
        std::string name; // "<parameter name>.exp_avg" ...
        at::Tensor tensor;
    };
    virtual std::vector<StateTensor> state() = 0;
    virtual std::int64_t stepCount() const = 0;
    virtual void setStepCount(std::int64_t steps) = 0;
};

/// A kind of optimizer or schedule described as data, with its maker. New kinds: one file, one line in
/// builtin_optimizers.cpp.
struct OptimizerKind {
    Described description;
    std::function<Result<std::unique_ptr<Optimizer>>(std::vector<Parameter*>, const ParamMap&)> make;
    /// Bytes of state for one trained f32 tensor [rows, columns]; a vector is one row.
    std::function<std::int64_t(std::int64_t rows, std::int64_t columns)> stateBytes;
};
const std::vector<OptimizerKind>& builtinOptimizers(); // "adamw", "adamw_8bit", "lion", "adafactor"

/// Multiplier of the learning rate at an optimizer step (0-based) of a run of `total` steps with `warmup` steps of
/// linear warm-up; the same numbers as Hugging Face's schedulers: at step s < warmup: s / warmup. `params` have passed
/// their specs.
struct ScheduleKind {
    Described description;
    std::function<double(std::int64_t step, std::int64_t warmup, std::int64_t total, const ParamMap& params)> factor;
};
const std::vector<ScheduleKind>& builtinSchedules(); // "linear", "cosine", "constant", "wsd", "inverse_sqrt"

} // namespace attune
