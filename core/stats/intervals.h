// Confidence intervals for the numbers people decide on. Pure functions, any thread. Confidence is two-sided, default
// 95 %.
#pragma once

#include <cstdint>
#include <span>

namespace attune {

struct Interval {
    double low = 0, high = 0;
    bool operator==(const Interval&) const = default;
    bool contains(double value) const { return low <= value && value <= high; }
    bool overlaps(const Interval& other) const { return low <= other.high && other.low <= high; }
};

/// Share of successes (Wilson 1927, without continuity correction). n = 0 gives [0, 1]. Requires 0 <= successes <= n.
Interval wilsonInterval(std::int64_t successes, std::int64_t n, double confidence = 0.95);
/// The exact (Clopper-Pearson) interval: never covers less than promised, wider than Wilson's.
Interval clopperPearsonInterval(std::int64_t successes, std::int64_t n, double confidence = 0.95);
/// Mean of independent values by Student's t; fewer than two values give [-inf, inf].
Interval meanInterval(std::span<const double> values, double confidence = 0.95);
/// Quantile of the standard normal distribution for a two-sided confidence (0.95 -> 1.95996...).
double normalQuantile(double confidence);
double mean(std::span<const double> values); // 0 for none

} // namespace attune
