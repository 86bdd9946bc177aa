// The metrics that objectives report, in words. Plain data without libtorch.
#pragma once

#include <vector>

#include "core/base/metric_spec.h"

namespace attune {

/// Of learned texts: how often the likeliest token is the right one, and how open the choice is. `leading`: where nothing tells more.
std::vector<MetricSpec> textMetricSpecs(bool leading);
/// Of pairs: reward margin, accuracy, rewards and log-probabilities of both answers.
std::vector<MetricSpec> pairMetricSpecs();
/// Of single marked answers: the same without accuracy, and the divergence.
std::vector<MetricSpec> markedMetricSpecs();
/// Of a reward model: the scores of both answers.
std::vector<MetricSpec> scoreMetricSpecs();
/// Of answers that the model writes while it trains and that are rewarded.
std::vector<MetricSpec> practiceMetricSpecs();
/// What PPO adds to the above.
std::vector<MetricSpec> ppoMetricSpecs();
/// ORPO's and CPO's own.
std::vector<MetricSpec> oddsMetricSpecs();
MetricSpec learnedMetricSpec(); // "nll_loss": the part of the loss that is plain learning
/// `first`, then `second`.
std::vector<MetricSpec> joinedMetrics(std::vector<MetricSpec> first, const std::vector<MetricSpec>& second);

} // namespace attune
