// A reward that grows for the wrong reasons (reward hacking, Gao et al. 2023): the score rises while the answers get stranger.
#include <algorithm>

#include "core/run/doctor_rules/doctor_rule.h"

namespace attune {

namespace {

constexpr double kHackLonger = 1.5, kHackShorter = 0.5, kKlGrowth = 2, kLeastKl = 0.05;
constexpr double kHackLessVaried = 0.7; // of the first steps' different word pairs
constexpr double kLessUnsure = 0.4; // of the first steps' entropy
constexpr int kSignsNeeded = 2;

std::optional<Finding> hacked(const RunHistory& history) {
    const std::string metric = history.metricOf({"objective/scores", "reward"});
    if (metric.empty() || history.steps.size() < 3 * RunHistory::kWindow)
        return std::nullopt;
    const auto before = history.first(metric), now = history.recent(metric);
    const auto spread = history.first("reward_std");
    if (!before || !now || !(*now > *before + std::max(0.05, spread.value_or(0.1) / 2)))
        return std::nullopt;
    std::string signs;
    int count = 0;
    const auto note = [&](const std::string& what) {
        signs += (count++ ? ", " : "") + what;
    };
    const auto change = [&](const char* name) {
        const auto first = history.first(name), recent = history.recent(name);
        return first && recent && *first > 0 ? std::optional(*recent / *first) : std::nullopt;
    };
    if (const auto length = change("completions/mean_length"); length && (*length > kHackLonger || *length < kHackShorter))
        note(*length > 1 ? "answers are " + shortNumber(*length) + " times as long" : "answers have shrunk to " + shortNumber(*length) + " of their length");
    const std::string kl = history.metricOf({"objective/kl", "kl"});
    if (!kl.empty()) {
        const auto first = history.first(kl), recent = history.recent(kl);
        if (first && recent && *recent > kLeastKl && *recent > kKlGrowth * *first)
            note("the model is " + shortNumber(*recent) + " nats from its start");
    }
    if (const auto variety = change("completions/distinct_2"); variety && *variety < kHackLessVaried)
        note("answers repeat the same words");
    const std::string entropy = history.metricOf({"entropy", "policy/entropy_avg"});
    if (const auto left = entropy.empty() ? std::nullopt : change(entropy.c_str()); left && *left < kLessUnsure)
        note("hardly any choice of words is left");
    if (count < kSignsNeeded)
        return std::nullopt;
    Finding finding{"reward.hacked", Finding::Severity::Serious, history.steps.back().step,
                    "The reward rose from " + shortNumber(*before) + " to " + shortNumber(*now) + ", but " + signs +
                        ": the model may have found a way to please the reward instead of answering better.",
                    "Read the watched answers. Hold the model closer to its start, or mend the reward.", holdTighter(history, 3)};
    finding.useCheckpoint = history.checkpointAt(history.steps[history.steps.size() / 2].step);
    return finding;
}

} // namespace

std::vector<DoctorRule> rewardRules() {
    return {{DoctorRule::After::Step, hacked}};
}

} // namespace attune
