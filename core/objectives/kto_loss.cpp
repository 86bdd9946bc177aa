#include "core/objectives/kto_loss.h"

#include <algorithm>

namespace attune {

AnswerLoss ktoLoss(const KtoOptions& options, bool desirable, const SequenceTerms& answer, double kl) {
    const double sign = desirable ? 1 : -1, weight = desirable ? options.desirableWeight : options.undesirableWeight;
    const double z = options.beta * sign * (answer.logRatio() - (options.apoZero ? 0 : kl));
    return {weight * sigmoid(-z), -weight * options.beta * sign * sigmoid(z) * sigmoid(-z)};
}

double ktoDivergence(double sumOfLogRatios, double answers) {
    return std::max(0.0, sumOfLogRatios / std::max(1.0, answers));
}

KtoBalance ktoBalance(double desirable, double undesirable, const KtoOptions& options) {
    KtoBalance balance;
    if (desirable <= 0 || undesirable <= 0)
        return balance; // one class only: no weight can balance it
    const double good = desirable * options.desirableWeight, bad = undesirable * options.undesirableWeight;
    balance.desirableFrom = bad / desirable, balance.desirableTo = 1.33 * bad / desirable;
    balance.undesirableFrom = good / undesirable / 1.33, balance.undesirableTo = good / undesirable;
    // A hundredth to either side: weights are typed with two digits.
    balance.balanced = good >= 0.99 * bad && good <= 1.33 * 1.01 * bad;
    return balance;
}

} // namespace attune
