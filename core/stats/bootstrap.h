// Bootstrap intervals with a stored seed: the same numbers give the same interval on every machine. Pure functions, any
// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "core/stats/intervals.h"

namespace attune {

struct BootstrapOptions {
    std::int64_t resamples = 2000;
    double confidence = 0.95;
    std::uint64_t seed = 42;
};
/// Percentile interval of the mean (Efron 1979). No values: [0, 0].
Interval bootstrapMean(std::span<const double> values, const BootstrapOptions& options = {});
/// The same for any statistic of the resampled values.
Interval bootstrap(std::span<const double> values, const std::function<double(std::span<const double>)>& statistic,
                   const BootstrapOptions& options = {});
/// Mean of (after - before) on the same rows, rows resampled as pairs. Different lengths: the shorter one counts.
Interval pairedBootstrap(std::span<const double> before, std::span<const double> after,
                         const BootstrapOptions& options = {});

} // namespace attune
