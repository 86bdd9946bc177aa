// Counts in equal bins with readable edges, for token lengths and scores. Pure function, any thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace attune {

struct Histogram {
    double start = 0,
           width = 1; // bin i covers [start + i * width, start + (i + 1) * width), the last one also its upper edge
    std::vector<std::int64_t> counts;
    std::int64_t total = 0; // finite values counted
    double min = 0, max = 0, mean = 0, median = 0, p95 = 0;
};
/// At most `maxBins` bins of a width 1, 2 or 5 times a power of ten. NaN and infinities are left out.
Histogram makeHistogram(std::span<const double> values, std::size_t maxBins = 40);
/// Quantile by linear interpolation between order statistics (type 7); `sorted` ascending, not empty.
double quantile(std::span<const double> sorted, double q);

} // namespace attune
