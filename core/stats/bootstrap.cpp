#include "core/stats/bootstrap.h"

#include <algorithm>
#include <vector>

#include "core/base/rng.h"
#include "core/stats/histogram.h"

namespace attune {

namespace {

constexpr std::uint64_t kStream = 0x626f6f74; // "boot": a stream of its own, so that no other use of the seed shifts it

Interval percentiles(std::vector<double>& estimates, double confidence) {
    std::sort(estimates.begin(), estimates.end());
    const double tail = (1 - confidence) / 2;
    return {quantile(estimates, tail), quantile(estimates, 1 - tail)};
}

} // namespace

Interval bootstrap(std::span<const double> values, const std::function<double(std::span<const double>)>& statistic,
                   const BootstrapOptions& options) {
    if (values.empty() || options.resamples < 1)
        return {0, 0};
    Rng rng(options.seed, kStream);
    std::vector<double> sample(values.size()), estimates(static_cast<std::size_t>(options.resamples));
    for (double& estimate : estimates) {
        for (double& value : sample)
            value = values[rng.below(values.size())];
        estimate = statistic(sample);
    }
    return percentiles(estimates, options.confidence);
}

Interval bootstrapMean(std::span<const double> values, const BootstrapOptions& options) {
    return bootstrap(
        values, [](std::span<const double> sample) { return mean(sample); }, options);
}

Interval pairedBootstrap(std::span<const double> before, std::span<const double> after,
                         const BootstrapOptions& options) {
    std::vector<double> differences(std::min(before.size(), after.size()));
    for (std::size_t i = 0; i < differences.size(); ++i)
        differences[i] = after[i] - before[i];
    return bootstrapMean(differences, options);
}

} // namespace attune
