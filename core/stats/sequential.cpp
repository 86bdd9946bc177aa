#include "core/stats/sequential.h"

#include <algorithm>
#include <cmath>

namespace attune {

namespace {

// log of B(w + 1, l + 1) / 2^-(w + l): how much better "some unknown rate, all equally likely" explains the votes than
// a fair coin.
double logEvidence(double wins, double losses) {
    return std::lgamma(wins + 1) + std::lgamma(losses + 1) - std::lgamma(wins + losses + 2) +
           (wins + losses) * std::log(2.0);
}

} // namespace

SequentialState sequentialReview(std::int64_t wins, std::int64_t losses, double alpha, double tieShare) {
    SequentialState state;
    const double w = static_cast<double>(std::max<std::int64_t>(0, wins));
    const double l = static_cast<double>(std::max<std::int64_t>(0, losses));
    const double goal = -std::log(std::clamp(alpha, 1e-12, 1.0));
    const double log = logEvidence(w, l);
    state.evidence = std::exp(std::min(log, 700.0));
    if (log >= goal && wins != losses) {
        state.verdict = wins > losses ? SequentialState::Verdict::FirstBetter : SequentialState::Verdict::SecondBetter;
        state.expectedMore = 0;
        return state;
    }
    if (wins == losses)
        return state;
    // Go on at the rate seen so far. It grows with the votes once it grows at all, so doubling and bisecting finds the
    // first crossing.
    const double rate = w / (w + l);
    const auto enough = [&](double more) { return logEvidence(w + rate * more, l + (1 - rate) * more) >= goal; };
    constexpr double kFarAway = 1e6; // beyond this nobody votes; "not to be foreseen" is the honest answer
    double high = 1;
    while (high < kFarAway && !enough(high))
        high *= 2;
    if (!enough(high))
        return state;
    double low = 0;
    while (high - low > 0.5) {
        const double middle = (low + high) / 2;
        (enough(middle) ? high : low) = middle;
    }
    const double decidedShare = std::max(0.01, 1 - std::clamp(tieShare, 0.0, 1.0));
    state.expectedMore = static_cast<std::int64_t>(std::ceil(high / decidedShare));
    return state;
}

} // namespace attune
