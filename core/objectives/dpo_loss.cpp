#include "core/objectives/dpo_loss.h"

#include <algorithm>

namespace attune {

namespace {

// A loss that is a function of beta d alone: its value and derivative there.
struct OfDifference {
    double loss, slope;
};

OfDifference ofDifference(const DpoOptions& options, double z) {
    const double e = options.labelSmoothing;
    switch (options.type) {
    case DpoLoss::Hinge:
        return {std::max(0.0, 1 - z), z < 1 ? -1.0 : 0.0};
    case DpoLoss::Robust:
        return {(-(1 - e) * logSigmoid(z) + e * logSigmoid(-z)) / (1 - 2 * e),
                (-(1 - e) * sigmoid(-z) - e * sigmoid(z)) / (1 - 2 * e)};
    case DpoLoss::Cdpo:
        return {-(1 - e) * logSigmoid(z) - e * logSigmoid(-z), -(1 - e) * sigmoid(-z) + e * sigmoid(z)};
    case DpoLoss::ExoPair: {
        const double smoothing = e > 0 ? e : 1e-3; // at 0 the divergence is infinite
        const double better = logSigmoid(z) - std::log1p(-smoothing), worse = logSigmoid(-z) - std::log(smoothing);
        return {sigmoid(z) * better + sigmoid(-z) * worse, sigmoid(z) * sigmoid(-z) * (better - worse)};
    }
    case DpoLoss::DiscoPop: {
        const double m = sigmoid(z / options.discoPopTau), dm = m * sigmoid(-z / options.discoPopTau) / options.discoPopTau;
        const double log = logSigmoid(z);
        // m vanishes faster than exp(-z) grows; their product must not become 0 * infinity.
        const double grown = std::exp(-z + logSigmoid(z / options.discoPopTau));
        const double dGrown = grown * (-1 + sigmoid(-z / options.discoPopTau) / options.discoPopTau);
        return {-log * (1 - m) + grown, -sigmoid(-z) * (1 - m) + log * dm + dGrown};
    }
    default:
        return {-logSigmoid(z), -sigmoid(-z)};
    }
}

} // namespace

PairLoss dpoLoss(const DpoOptions& options, const SequenceTerms& chosen, const SequenceTerms& rejected) {
    const double beta = options.beta, w = chosen.logRatio(), l = rejected.logRatio();
    switch (options.type) {
    case DpoLoss::Ipo: {
        const double gap = chosen.averageLogRatio() - rejected.averageLogRatio() - 1 / (2 * beta);
        return {gap * gap, 2 * gap / chosen.tokens, -2 * gap / rejected.tokens};
    }
    case DpoLoss::SigmoidNorm: {
        const double z = beta * (chosen.averageLogRatio() - rejected.averageLogRatio());
        return {-logSigmoid(z), -beta * sigmoid(-z) / chosen.tokens, beta * sigmoid(-z) / rejected.tokens};
    }
    case DpoLoss::NcaPair:
        return {-logSigmoid(beta * w) - 0.5 * logSigmoid(-beta * w) - 0.5 * logSigmoid(-beta * l),
                beta * (-sigmoid(-beta * w) + 0.5 * sigmoid(beta * w)), beta * 0.5 * sigmoid(beta * l)};
    case DpoLoss::BcoPair:
        return {-logSigmoid(beta * w) - logSigmoid(-beta * l), -beta * sigmoid(-beta * w), beta * sigmoid(beta * l)};
    case DpoLoss::SppoHard: {
        const double a = w - 0.5 / beta, b = l + 0.5 / beta;
        return {a * a + b * b, 2 * a, 2 * b};
    }
    case DpoLoss::ApoZero:
        return {1 - sigmoid(beta * w) + sigmoid(beta * l), -beta * sigmoid(beta * w) * sigmoid(-beta * w),
                beta * sigmoid(beta * l) * sigmoid(-beta * l)};
    case DpoLoss::ApoDown: {
        const double z = beta * (w - l), slope = beta * sigmoid(z) * sigmoid(-z);
        return {sigmoid(beta * w) + 1 - sigmoid(z), beta * sigmoid(beta * w) * sigmoid(-beta * w) - slope, slope};
    }
    default: {
        const auto [loss, slope] = ofDifference(options, beta * (w - l));
        return {loss, beta * slope, -beta * slope};
    }
    }
}

const std::vector<std::string>& dpoLossIds() { // in the order of DpoLoss
    static const std::vector<std::string> ids{"sigmoid",  "hinge",     "ipo",      "robust",   "cdpo",     "exo_pair",    "nca_pair",
                                              "bco_pair", "sppo_hard", "apo_zero", "apo_down", "discopop", "sigmoid_norm"};
    return ids;
}

std::optional<DpoLoss> dpoLossFromId(std::string_view id) {
    const auto& ids = dpoLossIds();
    const auto found = std::find(ids.begin(), ids.end(), id);
    if (found == ids.end())
        return std::nullopt;
    return static_cast<DpoLoss>(found - ids.begin());
}

} // namespace attune
