// What every optimizer's step begins with: the norm of all gradients, refusal when it is not finite, clipping. Engine
// thread.
#pragma once

#include <memory>
#include <vector>

#include "core/optim/optimizer.h"
#include "core/optim/pieces.h"

namespace attune {

class SteppedOptimizer : public Optimizer {
public:
    /// The parameters must outlive the optimizer and keep their tensors.
    explicit SteppedOptimizer(std::vector<Parameter*> parameters) : m_parameters(std::move(parameters)) {}

    StepResult step(double learningRate, double maxGradientNorm) final;
    std::int64_t stepCount() const final { return m_steps; }
    void setStepCount(std::int64_t steps) final { m_steps = steps; }

protected:
    /// The update itself, with gradients multiplied by gradientScale; m_steps counts it already. Zeroes the gradients.
    virtual void update(double learningRate, double gradientScale) = 0;

    std::vector<Parameter*> m_parameters;
    std::int64_t m_steps = 0;
};

/// The `make` of an optimizer whose constructor takes its options and whose settings `read` understands.
template <class Kind, class Read>
auto makeOptimizer(Read read) {
    return [read](std::vector<Parameter*> parameters, const ParamMap& params) -> Result<std::unique_ptr<Optimizer>> {
        ATTUNE_ASSIGN(const auto options, read(params));
        return std::make_unique<Kind>(std::move(parameters), options);
    };
}

} // namespace attune
