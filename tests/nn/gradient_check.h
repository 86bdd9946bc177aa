// The gradients of the hand-written backward against central finite differences in f64.
#pragma once

#include <QString>

#include "tests/nn/tiny_model.h"

namespace attune::test {

inline double weightedLoss(TrainingPass& pass, const PackedTokens& batch, const ForwardOptions& options,
                           const at::Tensor& weights) {
    ForwardOptions evaluation = options;
    evaluation.keepForBackward = false;
    require(pass.forward(batch, evaluation));
    return -(pass.targetLogProbs().value() * weights).sum().item<double>();
}

/// Along random directions, which every element takes part in, and for single elements of every trained parameter. Empty
/// when all agree, else which one does not.
inline QString gradientDifference(CausalLm& model, const PackedTokens& batch, const ForwardOptions& options,
                                  ActivationPolicy policy = ActivationPolicy::Keep) {
    Rng rng(11);
    TrainingPass pass(model);
    pass.setActivationPolicy(policy);
    at::Tensor weights = at::empty({targetCount(batch)}, at::kDouble);
    fillNormal(weights, rng, 0.5, 1.0);
    model.zeroGradients();
    require(pass.forward(batch, options));
    const at::Tensor logProbs = pass.targetLogProbsWithGradient(weights).value().clone();
    require(pass.backward());
    if (std::abs(-(logProbs * weights).sum().item<double>() - weightedLoss(pass, batch, options, weights)) > 1e-9)
        return "the loss of training and of evaluation differ";
    if (model.trainable().empty())
        return "nothing is trained";
    for (Parameter* parameter : model.trainable()) {
        for (int trial = 0; trial < 4; ++trial) {
            at::Tensor direction = at::zeros_like(parameter->value);
            if (trial < 2)
                fillNormal(direction, rng, 1.0);
            else
                direction.view({-1})[static_cast<std::int64_t>(
                    rng.below(static_cast<std::uint64_t>(direction.numel())))] = 1.0;
            const at::Tensor before = parameter->value.clone();
            const auto lossAt = [&](double distance) {
                parameter->value.copy_(before + distance * direction);
                model.refreshComputeWeights();
                return weightedLoss(pass, batch, options, weights);
            };
            constexpr double kStep = 1e-4; // the fourth-order formula: its error is below 1e-9 here
            const double numeric =
                (8 * (lossAt(kStep) - lossAt(-kStep)) - (lossAt(2 * kStep) - lossAt(-2 * kStep))) / (12 * kStep);
            lossAt(0);
            const double exact = (parameter->grad * direction).sum().item<double>();
            // Rounding of the loss sets the floor for directions along which almost nothing changes.
            const double tolerance = 1e-5 * std::max(std::abs(numeric), 1e-3);
            if (!(std::abs(numeric - exact) <= tolerance))
                return QString("%1 trial %2: %3 by differences, %4 by backward")
                    .arg(QString::fromStdString(parameter->name))
                    .arg(trial)
                    .arg(numeric, 0, 'g', 12)
                    .arg(exact, 0, 'g', 12);
        }
    }
    return {};
}

} // namespace attune::test
