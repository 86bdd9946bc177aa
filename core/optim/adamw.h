// AdamW (Loshchilov, Hutter 2019) with PyTorch's numbers: decoupled decay, bias correction, epsilon outside the root.
// One fused pass over all parameters clips, updates and zeroes the gradients. Engine thread.
#pragma once

#include "core/optim/optimizer.h"

namespace attune {

struct AdamWOptions {
    double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0.0;
};

class AdamW final : public Optimizer {
public:
    /// The parameters must outlive the optimizer and keep their tensors.
    AdamW(std::vector<Parameter*> parameters, const AdamWOptions& options);

    StepResult step(double learningRate, double maxGradientNorm) override;
    std::vector<StateTensor> state() override;
    std::int64_t stepCount() const override { return m_steps; }
    void setStepCount(std::int64_t steps) override { m_steps = steps; }

private:
    struct Moments {
        at::Tensor average, averageSquare;
    };
    double gradientNorm() const;

    std::vector<Parameter*> m_parameters;
    std::vector<Moments> m_moments;
    AdamWOptions m_options;
    std::int64_t m_steps = 0;
};

const OptimizerKind& adamWKind();

} // namespace attune
