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

PairLoss simpoLoss(double beta, double gamma, double labelSmoothing, const SequenceTerms& chosen, const SequenceTerms& rejected) {
    const auto [loss, slope] = smoothed(beta * (chosen.averageLogProb() - rejected.averageLogProb()) - gamma, labelSmoothing);
    return {loss, beta * slope / chosen.tokens, -beta * slope / rejected.tokens};
}

} // namespace attune
