// AdamW (Loshchilov, Hutter 2019) with PyTorch's numbers: decoupled decay, bias correction, epsilon outside the root.
// One fused pass over all parameters clips, updates and zeroes the gradients. Engine thread.
#pragma once

#include "core/optim/stepped_optimizer.h"

namespace attune {

struct AdamWOptions {
    double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0.0;
};

/// The numbers of AdamW's step number `steps` (1-based) for one parameter.
kernels::AdamWStep adamWStep(const AdamWOptions& options, const Parameter& parameter, std::int64_t steps,
                             double learningRate, double gradientScale);
/// The same step on any device.
void adamWWithAten(Parameter& parameter, at::Tensor average, at::Tensor averageSquare, const kernels::AdamWStep& step);

class AdamW final : public SteppedOptimizer {
public:
    AdamW(std::vector<Parameter*> parameters, const AdamWOptions& options);
    std::vector<StateTensor> state() override;

private:
    void update(double learningRate, double gradientScale) override;

    struct Moments {
        at::Tensor average, averageSquare;
    };
    std::vector<Moments> m_moments;
    AdamWOptions m_options;
};

/// Settings that all forms of AdamW share, and their values. Errors: InvalidArgument.
std::vector<ParamSpec> adamWParams();
Result<AdamWOptions> adamWOptions(const ParamMap& params);

const OptimizerKind& adamWKind();

} // namespace attune
