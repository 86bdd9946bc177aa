#include "core/objectives/grpo_loss.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace attune {

namespace {

double meanOf(std::span<const double> values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double deviationOf(std::span<const double> values) {
    if (values.size() < 2)
        return 0;
    const double mean = meanOf(values);
    double sum = 0;
    for (const double value : values)
        sum += (value - mean) * (value - mean);
    return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

template <class F>
void forEachGroup(std::span<const std::int64_t> groups, F&& f) {
    for (std::size_t begin = 0, end = 0; begin < groups.size(); begin = end) {
        while (end < groups.size() && groups[end] == groups[begin])
            ++end;
        f(begin, end - begin);
    }
}

} // namespace

std::vector<double> groupAdvantages(std::span<const double> rewards, std::span<const std::int64_t> groups, RewardScale scale) {
    constexpr double kEpsilon = 1e-4;
    std::vector<double> advantages(rewards.size());
    const double all = scale == RewardScale::Batch ? deviationOf(rewards) : 0;
    forEachGroup(groups, [&](std::size_t begin, std::size_t count) {
        const auto group = rewards.subspan(begin, count);
        const double mean = meanOf(group), deviation = scale == RewardScale::Group ? deviationOf(group) : all;
        for (std::size_t i = 0; i < count; ++i)
            advantages[begin + i] = (group[i] - mean) / (scale == RewardScale::None ? 1 : deviation + kEpsilon);
    });
    return advantages;
}

double groupsWithoutSignal(std::span<const double> rewards, std::span<const std::int64_t> groups) {
    double silent = 0, count = 0;
    forEachGroup(groups, [&](std::size_t begin, std::size_t size) {
        const auto [least, most] = std::minmax_element(rewards.begin() + static_cast<std::ptrdiff_t>(begin),
                                                       rewards.begin() + static_cast<std::ptrdiff_t>(begin + size));
        silent += *least == *most;
        ++count;
    });
    return count > 0 ? silent / count : 0;
}

GrpoTokenLoss grpoTokenLoss(const GrpoOptions& options, double advantage, double oldLogProb, double newLogProb, double reference) {
    GrpoTokenLoss token;
    const double ratio = std::exp(newLogProb - oldLogProb);
    const double bounded = std::clamp(ratio, 1 - options.clipLow, 1 + options.clipHigh);
    token.clipped = -advantage * bounded > -advantage * ratio;
    token.loss = -advantage * (token.clipped ? bounded : ratio);
    token.dLogProb = token.clipped ? 0 : -advantage * ratio;
    if (options.beta != 0) {
        const double r = reference - newLogProb;
        token.kl = std::expm1(r) - r;
        token.loss += options.beta * token.kl;
        token.dLogProb -= options.beta * std::expm1(r);
    }
    return token;
}

} // namespace attune
