// The distance from the start model (KL) running away.
#include <cmath>

#include "core/run/doctor_rules/doctor_rule.h"

namespace attune {

namespace {

// In nats. "kl" of GRPO is a mean over tokens; of KTO, and PPO's objective/kl, sums over an answer.
constexpr double kKlPerToken = 0.5, kKlPerAnswer = 15;
constexpr double kRunawayGrowth = 3;           // against what it was a while ago: a high but steady distance is the recipe's choice
constexpr std::size_t kKlSteps = 10;

std::optional<Finding> runningAway(const RunHistory& history) {
    const std::string metric = history.metricOf({"objective/kl", "kl"});
    if (metric.empty() || history.steps.size() < 4 * kKlSteps)
        return std::nullopt;
    const bool perToken = metric == "kl" && history.facts.objective != "kto";
    const auto now = history.recent(metric, kKlSteps);
    const auto longer = history.recent(metric, 4 * kKlSteps); // the newest quarter is in it
    if (!now || !longer)
        return std::nullopt;
    const double before = (*longer * 4 - *now) / 3;
    if (!(*now > (perToken ? kKlPerToken : kKlPerAnswer) && *now > kRunawayGrowth * std::abs(before)))
        return std::nullopt;
    Finding finding{"kl.running_away", Finding::Severity::Serious, history.steps.back().step,
                    "The model moves away from its start faster and faster: the KL divergence is " + shortNumber(*now) + " nats a" +
                        (perToken ? " token" : "n answer") + ", after " + shortNumber(before) + " before.",
                    "Hold it closer to the start model, or lower the learning rate.", holdTighter(history, 2)};
    if (finding.assignment.empty())
        finding.assignment = rateTimes(history, 1.0 / 3);
    finding.useCheckpoint = history.checkpointAt(history.steps[history.steps.size() - 2 * kKlSteps].step);
    return finding;
}

} // namespace

std::vector<DoctorRule> divergenceRules() {
    return {{DoctorRule::After::Step, runningAway}};
}

} // namespace attune
