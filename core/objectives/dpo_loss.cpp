#include "core/objectives/dpo_loss.h"

#include <algorithm>
#include <cmath>

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
    case DpoLoss::Aot:
    case DpoLoss::AotUnpaired:
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

Score scoreOf(const DpoOptions& options, double logRatio) {
    constexpr double kLargest = 80; // beyond, the exponential is cut off
    const auto capped = [](double x) { return x < kLargest ? std::exp(x) : std::exp(kLargest); };
    switch (options.divergence) {
    case Divergence::ForwardKl:
        return {-capped(-logRatio), -logRatio < kLargest ? capped(-logRatio) : 0.0};
    case Divergence::JensenShannon:
        return {logSigmoid(logRatio), sigmoid(-logRatio)};
    case Divergence::Alpha: {
        const double power = options.alpha - 1;
        if (std::abs(power) < 1e-6) // the limit
            return {logRatio, 1};
        const double t = power * logRatio;
        return {capped(t) / power, t < kLargest ? capped(t) : 0.0};
    }
    default:
        return {logRatio, 1};
    }
}

std::vector<std::pair<double, double>> sortedPartners(DpoLoss type, std::span<const std::pair<SequenceTerms, SequenceTerms>> pairs) {
    const bool unpaired = type == DpoLoss::AotUnpaired;
    // Sorted: values ascending, and which pair has each; equal ones in the order of the pairs.
    const auto sorted = [&](auto&& valueOf) {
        std::vector<std::pair<double, std::size_t>> values;
        for (std::size_t i = 0; i < pairs.size(); ++i)
            values.emplace_back(valueOf(pairs[i]), i);
        std::sort(values.begin(), values.end());
        return values;
    };
    const auto ours = sorted([&](const auto& pair) {
        return unpaired ? pair.first.logRatio() : pair.first.logProb - pair.second.logProb;
    });
    const auto theirs = sorted([&](const auto& pair) {
        return unpaired ? pair.second.logRatio() : pair.first.reference - pair.second.reference;
    });
    std::vector<std::pair<double, double>> partners(pairs.size());
    for (std::size_t rank = 0; rank < pairs.size(); ++rank) {
        partners[ours[rank].second].first = theirs[rank].first;
        if (unpaired)
            partners[theirs[rank].second].second = ours[rank].first;
        else
            partners[ours[rank].second].second = theirs[rank].first;
    }
    return partners;
}

double pairWeight(double chosenSurprise, double rejectedSurprise) {
    return std::exp(std::min(0.0, chosenSurprise + rejectedSurprise));
}

namespace {

PairLoss lossOfScores(const DpoOptions& options, double w, double l, const SequenceTerms& chosen, const SequenceTerms& rejected) {
    const double beta = options.beta;
    switch (options.type) {
    case DpoLoss::Ipo: {
        const double gap = w / chosen.tokens - l / rejected.tokens - 1 / (2 * beta);
        return {gap * gap, 2 * gap / chosen.tokens, -2 * gap / rejected.tokens};
    }
    case DpoLoss::SigmoidNorm: {
        const double z = beta * (w / chosen.tokens - l / rejected.tokens);
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

} // namespace

PairLoss dpoLoss(const DpoOptions& options, const SequenceTerms& chosen, const SequenceTerms& rejected) {
    if (options.type == DpoLoss::Aot) {
        const auto [loss, slope] = ofDifference(options, options.beta * (chosen.logProb - rejected.logProb - chosen.partner));
        return {loss, options.beta * slope, -options.beta * slope};
    }
    if (options.type == DpoLoss::AotUnpaired) {
        const OfDifference better = ofDifference(options, options.beta * (chosen.logRatio() - chosen.partner)),
                           worse = ofDifference(options, options.beta * (rejected.partner - rejected.logRatio()));
        return {better.loss, options.beta * better.slope, -options.beta * worse.slope};
    }
    const Score w = scoreOf(options, chosen.logRatio()), l = scoreOf(options, rejected.logRatio());
    PairLoss loss = lossOfScores(options, w.value, l.value, chosen, rejected);
    loss.dChosen *= w.slope, loss.dRejected *= l.slope;
    return loss;
}

const std::vector<std::string>& dpoLossIds() { // in the order of DpoLoss
    static const std::vector<std::string> ids{"sigmoid",  "hinge",     "ipo",      "robust",   "cdpo",     "exo_pair",    "nca_pair",
                                              "bco_pair", "sppo_hard", "apo_zero", "apo_down", "discopop", "sigmoid_norm",
                                              "aot",      "aot_unpaired"};
    return ids;
}

const std::vector<std::string>& divergenceIds() { // in the order of Divergence
    static const std::vector<std::string> ids{"reverse_kl", "forward_kl", "js_divergence", "alpha_divergence"};
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
