#include "core/engine/rollout_metrics.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace attune {

namespace {

struct Spread {
    double mean = 0, deviation = 0;
};

Spread spreadOf(const std::vector<double>& values) {
    Spread spread;
    if (values.empty())
        return spread;
    const auto count = static_cast<double>(values.size());
    for (const double value : values)
        spread.mean += value / count;
    for (const double value : values)
        spread.deviation += (value - spread.mean) * (value - spread.mean);
    spread.deviation = values.size() > 1 ? std::sqrt(spread.deviation / (count - 1)) : 0;
    return spread;
}

} // namespace

void addAnswerMetrics(std::map<std::string, double>& metrics, std::span<const std::string> names,
                      std::span<const std::vector<double>> scores, std::span<const Rollout> rollouts, std::span<const GeneratedText> answers) {
    std::vector<double> totals, lengths, deviations;
    double cut = 0, pairs = 0;
    std::set<std::pair<std::int64_t, std::int64_t>> distinct;
    for (std::size_t i = 0; i < answers.size(); ++i) {
        totals.push_back(rollouts[i].reward);
        lengths.push_back(static_cast<double>(answers[i].tokens.size()));
        cut += !rollouts[i].ended;
        for (std::size_t t = 0; t + 1 < answers[i].tokens.size(); ++t, ++pairs)
            distinct.emplace(answers[i].tokens[t], answers[i].tokens[t + 1]);
    }
    for (std::size_t begin = 0, end = 0; begin < rollouts.size(); begin = end) {
        std::vector<double> group;
        for (; end < rollouts.size() && rollouts[end].group == rollouts[begin].group; ++end)
            group.push_back(rollouts[end].reward);
        deviations.push_back(spreadOf(group).deviation);
    }
    metrics["reward"] = spreadOf(totals).mean;
    metrics["reward_std"] = spreadOf(deviations).mean;
    for (std::size_t part = 0; part < names.size(); ++part) {
        std::vector<double> values;
        for (const std::vector<double>& of : scores)
            values.push_back(of[part]);
        const Spread spread = spreadOf(values);
        metrics["rewards/" + names[part] + "/mean"] = spread.mean;
        metrics["rewards/" + names[part] + "/std"] = spread.deviation;
    }
    if (lengths.empty())
        return;
    metrics["completions/mean_length"] = spreadOf(lengths).mean;
    metrics["completions/min_length"] = *std::min_element(lengths.begin(), lengths.end());
    metrics["completions/max_length"] = *std::max_element(lengths.begin(), lengths.end());
    metrics["completions/clipped_ratio"] = cut / static_cast<double>(lengths.size());
    if (pairs > 0)
        metrics["completions/distinct_2"] = static_cast<double>(distinct.size()) / pairs;
}

} // namespace attune
