#include "core/optim/stepped_optimizer.h"

#include <cmath>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace attune {

StepResult SteppedOptimizer::step(double learningRate, double maxGradientNorm) {
    at::NoGradGuard noGrad;
    StepResult result;
    result.gradientNorm = gradientNorm(m_parameters);
    if (!std::isfinite(result.gradientNorm)) {
        result.finite = false;
        return result;
    }
    ++m_steps;
    update(learningRate, clipScale(result.gradientNorm, maxGradientNorm));
    return result;
}

} // namespace attune
