// Learning from rewards: a reward that grows for the wrong reasons (reward hacking, Gao et al. 2023), that does not grow, that
// tells answers apart too rarely, and answers whose ends are cut off before they are scored.
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

constexpr double kSilentGroups = 0.8; // share of prompts whose answers all score the same
constexpr std::int64_t kFlatRewardAfter = 100;
constexpr double kFlatRewardRise = 0.1; // of the spread of rewards at the beginning
constexpr double kCutOff = 0.9;         // share of answers

std::optional<Finding> silent(const RunHistory& history) {
    const auto same = history.recent("frac_reward_zero_std");
    if (!same || !(*same > kSilentGroups))
        return std::nullopt;
    return Finding{"reward.silent", Finding::Severity::Warning, history.steps.back().step,
                   "All answers to a prompt score the same for " + shortNumber(100 * *same) + " % of the prompts: they teach nothing.",
                   "Use more answers per prompt, a higher temperature, or a reward that tells half right from wrong.", ""};
}

std::optional<Finding> rewardFlat(const RunHistory& history) {
    const std::string metric = history.metricOf({"objective/scores", "reward"});
    const StepFinished& step = history.steps.back();
    if (metric.empty() || step.step < kFlatRewardAfter)
        return std::nullopt;
    const auto before = history.first(metric), now = history.recent(metric);
    const double spread = std::max(history.first("reward_std").value_or(0), 0.02);
    if (!before || !now || !(*now < *before + kFlatRewardRise * spread))
        return std::nullopt;
    return Finding{"reward.flat", Finding::Severity::Warning, step.step,
                   "The reward has not risen in " + std::to_string(step.step) + " steps (" + shortNumber(*before) + " to " +
                       shortNumber(*now) + ").",
                   "Raise the learning rate, or train on good answers first, so that some answers earn a reward.", rateTimes(history, 3)};
}

std::optional<Finding> cutOff(const RunHistory& history) {
    const auto cut = history.recent("completions/clipped_ratio");
    if (!cut || !(*cut > kCutOff))
        return std::nullopt;
    return Finding{"answers.cut_off", Finding::Severity::Warning, history.steps.back().step,
                   shortNumber(100 * *cut) + " % of the answers are cut off at the longest length, so their ends are never scored.",
                   "Raise the longest answer, or train on examples first, so that the model knows how to end.", ""};
}

// At the end: did prompts that are not trained on gain anything (the same ones before and after, so chance is small)?
std::optional<Finding> notLearned(const RunHistory& history) {
    const EvalFinished& last = history.evals.back();
    if (history.steps.empty() || history.steps.back().step != last.step || history.steps.back().totalSteps != last.step || !last.metrics.contains("reward"))
        return std::nullopt;
    const auto best = std::min_element(history.evals.begin(), history.evals.end(),
                                       [](const EvalFinished& a, const EvalFinished& b) { return a.loss < b.loss; });
    const auto number = [&](const char* name) {
        const auto found = best->metrics.find(name);
        return found == best->metrics.end() ? std::nullopt : std::optional(found->second);
    };
    const auto gain = number("reward_gain"), low = number("reward_gain/low"), high = number("reward_gain/high");
    std::string what;
    if (best == history.evals.begin())
        what = "no measurement was above the " + shortNumber(-best->loss) + " at the start";
    else if (gain && low && high && !(*low > 0))
        what = "the best one is " + shortNumber(*gain) + " above the start, with a 95 % interval of " + shortNumber(*low) + " to " + shortNumber(*high);
    else
        return std::nullopt;
    return Finding{"reward.not_learned", Finding::Severity::Warning, last.step,
                   "The run has ended without a gain on the validation prompts: " + what + ".",
                   "Raise the learning rate (small models need higher ones), take more steps or more answers per prompt, or measure on more prompts.",
                   rateTimes(history, 3)};
}

} // namespace

std::vector<DoctorRule> rewardRules() {
    using After = DoctorRule::After;
    return {{After::Step, hacked}, {After::Step, silent}, {After::Step, rewardFlat}, {After::Step, cutOff}, {After::Validation, notLearned}};
}

} // namespace attune
