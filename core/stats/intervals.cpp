#include "core/stats/intervals.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>

namespace attune {

namespace {

double upperTail(double confidence) {
    return (1 - std::clamp(confidence, 1e-9, 1 - 1e-9)) / 2;
}

} // namespace

double normalQuantile(double confidence) {
    return boost::math::quantile(boost::math::complement(boost::math::normal(), upperTail(confidence)));
}

Interval wilsonInterval(std::int64_t successes, std::int64_t n, double confidence) {
    if (n <= 0)
        return {0, 1};
    const double count = static_cast<double>(n);
    const double share = std::clamp(static_cast<double>(successes) / count, 0.0, 1.0);
    const double z = normalQuantile(confidence), z2 = z * z;
    const double centre = (share + z2 / (2 * count)) / (1 + z2 / count);
    const double half = z / (1 + z2 / count) * std::sqrt(share * (1 - share) / count + z2 / (4 * count * count));
    // At the ends the formula is exactly 0 or 1; rounding must not turn that into -1e-17.
    return {successes <= 0 ? 0.0 : std::max(0.0, centre - half), successes >= n ? 1.0 : std::min(1.0, centre + half)};
}

Interval clopperPearsonInterval(std::int64_t successes, std::int64_t n, double confidence) {
    if (n <= 0)
        return {0, 1};
    const double tail = upperTail(confidence);
    const double k = static_cast<double>(std::clamp<std::int64_t>(successes, 0, n)), count = static_cast<double>(n);
    Interval interval{0, 1};
    if (k > 0)
        interval.low = boost::math::quantile(boost::math::beta_distribution<>(k, count - k + 1), tail);
    if (k < count)
        interval.high =
            boost::math::quantile(boost::math::complement(boost::math::beta_distribution<>(k + 1, count - k), tail));
    return interval;
}

double mean(std::span<const double> values) {
    if (values.empty())
        return 0;
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Interval meanInterval(std::span<const double> values, double confidence) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    if (values.size() < 2)
        return {-kInfinity, kInfinity};
    const double average = mean(values), n = static_cast<double>(values.size());
    double squares = 0;
    for (const double value : values)
        squares += (value - average) * (value - average);
    const double error = std::sqrt(squares / (n - 1) / n);
    const double t =
        boost::math::quantile(boost::math::complement(boost::math::students_t(n - 1), upperTail(confidence)));
    return {average - t * error, average + t * error};
}

} // namespace attune
