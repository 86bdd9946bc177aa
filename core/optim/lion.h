// Lion (Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", algorithm 2): every weight moves by the same
// amount, in the direction of an average of gradients. Half of AdamW's state. Engine thread.
#pragma once

#include "core/optim/stepped_optimizer.h"

namespace attune {

struct LionOptions {
    double beta1 = 0.9, beta2 = 0.99, weightDecay = 0.0;
};

class Lion final : public SteppedOptimizer {
public:
    Lion(std::vector<Parameter*> parameters, const LionOptions& options);
    std::vector<StateTensor> state() override;

private:
    void update(double learningRate, double gradientScale) override;

    std::vector<at::Tensor> m_averages;
    LionOptions m_options;
};

const OptimizerKind& lionKind();

} // namespace attune
