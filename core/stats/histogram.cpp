#include "core/stats/histogram.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace attune {

double quantile(std::span<const double> sorted, double q) {
    const double position = std::clamp(q, 0.0, 1.0) * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(position);
    if (below + 1 >= sorted.size())
        return sorted.back();
    const double rest = position - static_cast<double>(below);
    return sorted[below] + rest * (sorted[below + 1] - sorted[below]);
}

Histogram makeHistogram(std::span<const double> values, std::size_t maxBins) {
    std::vector<double> sorted;
    std::copy_if(values.begin(), values.end(), std::back_inserter(sorted), [](double v) { return std::isfinite(v); });
    Histogram histogram;
    if (sorted.empty() || maxBins == 0)
        return histogram;
    std::sort(sorted.begin(), sorted.end());
    histogram.total = static_cast<std::int64_t>(sorted.size());
    histogram.min = sorted.front(), histogram.max = sorted.back();
    histogram.mean = std::accumulate(sorted.begin(), sorted.end(), 0.0) / static_cast<double>(sorted.size());
    histogram.median = quantile(sorted, 0.5), histogram.p95 = quantile(sorted, 0.95);

    const double range = histogram.max - histogram.min;
    double width = 1;
    if (range > 0) {
        const double wanted = range / static_cast<double>(maxBins);
        width = std::pow(10.0, std::floor(std::log10(wanted)));
        // Aligning the first edge below the minimum can cost one bin more than range / width says, hence the exact
        // count.
        const auto bins = [&](double w) { return std::floor(histogram.max / w) - std::floor(histogram.min / w) + 1; };
        static constexpr double kSteps[] = {2, 2.5, 2}; // 1 -> 2 -> 5 -> 10
        for (int i = 0; bins(width) > static_cast<double>(maxBins) && i < 60; ++i)
            width *= kSteps[i % 3];
    }
    histogram.width = width;
    histogram.start = std::floor(histogram.min / width) * width;
    const auto count = static_cast<std::size_t>(
        std::clamp(std::floor((histogram.max - histogram.start) / width) + 1, 1.0, static_cast<double>(maxBins)));
    histogram.counts.assign(count, 0);
    for (const double value : sorted) {
        const double bin = std::floor((value - histogram.start) / width);
        ++histogram.counts[static_cast<std::size_t>(std::clamp(bin, 0.0, static_cast<double>(count - 1)))];
    }
    return histogram;
}

} // namespace attune
