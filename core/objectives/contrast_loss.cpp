#include "core/objectives/contrast_loss.h"

#include <algorithm>

namespace attune {

namespace {

// An answer of which the model is certain has a = 0 in f32, and infinite odds: the largest odds that stay finite.
double boundedAverage(const SequenceTerms& answer) {
    return std::min(answer.averageLogProb(), -1e-12);
}

struct Smoothed {
    double loss, slope; // at z
};

Smoothed smoothed(double z, double e) {
    return {-(1 - e) * logSigmoid(z) - e * logSigmoid(-z), -(1 - e) * sigmoid(-z) + e * sigmoid(z)};
}

} // namespace

double orpoLogOdds(const SequenceTerms& chosen, const SequenceTerms& rejected) {
    const double w = boundedAverage(chosen), l = boundedAverage(rejected);
    return (w - l) - (log1mExp(w) - log1mExp(l));
}

PairLoss orpoLoss(double beta, const SequenceTerms& chosen, const SequenceTerms& rejected) {
    const double odds = orpoLogOdds(chosen, rejected), slope = -beta * sigmoid(-odds);
    // d(a - log(1 - e^a)) / da = 1 / (1 - e^a)
    const double w = -1 / std::expm1(boundedAverage(chosen)), l = -1 / std::expm1(boundedAverage(rejected));
    return {-beta * logSigmoid(odds), slope * w / chosen.tokens, -slope * l / rejected.tokens};
}

PairLoss cpoLoss(double beta, double labelSmoothing, const SequenceTerms& chosen, const SequenceTerms& rejected) {
    const auto [loss, slope] = smoothed(beta * (chosen.logProb - rejected.logProb), labelSmoothing);
    return {loss, beta * slope, -beta * slope};
}

PairLoss cpoHingeLoss(double beta, const SequenceTerms& chosen, const SequenceTerms& rejected) {
    const double z = beta * (chosen.logProb - rejected.logProb), slope = z < 1 ? -beta : 0;
    return {std::max(0.0, 1 - z), slope, -slope};
}

PairLoss cpoIpoLoss(double beta, const SequenceTerms& chosen, const SequenceTerms& rejected) {
    const double gap = chosen.averageLogProb() - rejected.averageLogProb() - 1 / (2 * beta);
    return {gap * gap, 2 * gap / chosen.tokens, -2 * gap / rejected.tokens};
}

PairLoss simpoLoss(double beta, double gamma, double labelSmoothing, const SequenceTerms& chosen, const SequenceTerms& rejected,
                   double alpha) {
    struct Reward {
        double value, slope; // by the average log-probability
    };
    const auto rewardOf = [alpha](double average) {
        if (alpha == 0)
            return Reward{average, 1};
        const double power = std::exp(std::min(80.0, -alpha * average)); // an answer that is all but impossible
        return Reward{(1 - power) / alpha, power};
    };
    const Reward w = rewardOf(chosen.averageLogProb()), l = rewardOf(rejected.averageLogProb());
    const auto [loss, slope] = smoothed(beta * (w.value - l.value) - gamma, labelSmoothing);
    return {loss, beta * slope * w.slope / chosen.tokens, -beta * slope * l.slope / rejected.tokens};
}

} // namespace attune
