// Adafactor (Shazeer, Stern 2018): the average of squared gradients of a matrix is kept as one number per row and one per
// column, so the state is next to nothing. The form that Hugging Face's Trainer uses (relative step, parameter scaling and
// first moment off): the learning rate comes from outside, the average remembers 1 - t^-decay_rate at step t, and an
// update whose root mean square exceeds clip_threshold is scaled down to it. A fused weight (q, k, v; gate, up) counts as
// one matrix. Engine thread.
#pragma once

#include "core/optim/stepped_optimizer.h"

namespace attune {

struct AdafactorOptions {
    double epsilon = 1e-30; // added to squared gradients
    double decayRate = 0.8, clipThreshold = 1.0, weightDecay = 0.0;
};

class Adafactor final : public SteppedOptimizer {
public:
    Adafactor(std::vector<Parameter*> parameters, const AdafactorOptions& options);
    /// Matrices: "<name>.exp_avg_sq_row" [rows] and "_col" [columns]; vectors: "<name>.exp_avg_sq".
    std::vector<StateTensor> state() override;

private:
    void update(double learningRate, double gradientScale) override;
    void updateWithAten(std::size_t index, double learningRate, double gradientScale, double remember);
    template <class A>
    void updateOnCpu(double learningRate, double gradientScale, double remember);

    struct Squares {
        at::Tensor rows, columns; // vectors: columns alone
    };
    std::vector<Squares> m_squares;
    AdafactorOptions m_options;
};

const OptimizerKind& adafactorKind();

} // namespace attune
