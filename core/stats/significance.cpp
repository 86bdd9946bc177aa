#include "core/stats/significance.h"

#include <algorithm>
#include <cmath>

namespace attune {

namespace {

double logProbability(std::int64_t k, std::int64_t n, double p) {
    const double count = static_cast<double>(n), hits = static_cast<double>(k);
    const double choose = std::lgamma(count + 1) - std::lgamma(hits + 1) - std::lgamma(count - hits + 1);
    // 0 * log(0) is 0 here: an impossible outcome that did not happen costs nothing.
    const double yes = k == 0 ? 0 : hits * std::log(p);
    const double no = k == n ? 0 : (count - hits) * std::log1p(-p);
    return choose + yes + no;
}

} // namespace

double binomialTest(std::int64_t successes, std::int64_t n, double probability) {
    if (n <= 0)
        return 1;
    successes = std::clamp<std::int64_t>(successes, 0, n);
    // Outcomes count as "at most as likely" up to rounding of the logarithms, as R's binom.test does.
    const double limit = logProbability(successes, n, probability) + 1e-7;
    double sum = 0;
    for (std::int64_t k = 0; k <= n; ++k)
        if (const double log = logProbability(k, n, probability); log <= limit)
            sum += std::exp(log);
    return std::min(1.0, sum);
}

double signTest(std::int64_t wins, std::int64_t losses) {
    return binomialTest(wins, wins + losses, 0.5);
}

McNemar mcNemar(std::span<const bool> first, std::span<const bool> second) {
    McNemar result;
    for (std::size_t i = 0; i < std::min(first.size(), second.size()); ++i) {
        if (first[i])
            ++(second[i] ? result.both : result.onlyFirst);
        else
            ++(second[i] ? result.onlySecond : result.neither);
    }
    result.pValue = signTest(result.onlyFirst, result.onlySecond);
    return result;
}

} // namespace attune
