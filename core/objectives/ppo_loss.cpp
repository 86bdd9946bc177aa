#include "core/objectives/ppo_loss.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace attune {

double klEstimate(KlEstimator estimator, double logProb, double reference) {
    const double r = reference - logProb;
    return estimator == KlEstimator::K1 ? -r : std::expm1(r) - r;
}

std::vector<double> ppoRewards(std::span<const double> logProbs, std::span<const double> reference, double klCoefficient,
                               KlEstimator estimator, double score) {
    std::vector<double> rewards(logProbs.size());
    for (std::size_t t = 0; t < rewards.size(); ++t)
        rewards[t] = -klCoefficient * klEstimate(estimator, logProbs[t], reference[t]);
    if (!rewards.empty())
        rewards.back() += score;
    return rewards;
}

Advantages generalizedAdvantages(std::span<const double> rewards, std::span<const double> values, double gamma, double lambda) {
    Advantages result{std::vector<double>(rewards.size()), std::vector<double>(rewards.size())};
    double nextValue = 0, nextAdvantage = 0;
    for (std::size_t t = rewards.size(); t-- > 0;) {
        const double delta = rewards[t] + gamma * nextValue - values[t];
        nextAdvantage = delta + gamma * lambda * nextAdvantage;
        nextValue = values[t];
        result.advantages[t] = nextAdvantage;
        result.returns[t] = nextAdvantage + values[t];
    }
    return result;
}

void whiten(std::span<double> values, bool keepMean) {
    if (values.size() < 2)
        return;
    const auto count = static_cast<double>(values.size());
    const double mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
    double variance = 0;
    for (const double value : values)
        variance += (value - mean) * (value - mean);
    variance /= count - 1;
    for (double& value : values)
        value = (value - mean) / std::sqrt(variance + 1e-8) + (keepMean ? mean : 0);
}

PpoTokenLoss ppoTokenLoss(const PpoOptions& options, double advantage, double oldLogProb, double newLogProb, double oldValue,
                          double newValue, double returned) {
    PpoTokenLoss loss;
    const double ratio = std::exp(newLogProb - oldLogProb);
    const double bounded = std::clamp(ratio, 1 - options.clipRange, 1 + options.clipRange);
    loss.policyClipped = -advantage * bounded > -advantage * ratio;
    loss.policy = -advantage * (loss.policyClipped ? bounded : ratio);
    loss.dLogProb = loss.policyClipped ? 0 : -advantage * ratio;
    const double boundedValue =
        std::clamp(newValue, oldValue - options.clipRangeValue, oldValue + options.clipRangeValue);
    const double free = newValue - returned, held = boundedValue - returned;
    loss.valueClipped = held * held > free * free;
    loss.value = 0.5 * (loss.valueClipped ? held * held : free * free);
    loss.dValue = loss.valueClipped ? 0 : free;
    return loss;
}

} // namespace attune
