#include "core/run/doctor_rewards.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

namespace attune {

namespace {

// What counts as what. Averages are over windows, as single steps jump about.
constexpr std::size_t kRewardWindow = 10;
constexpr std::size_t kFlatRewardAfter = 100;
constexpr double kFlatRise = 0.1;        // of the spread of rewards at the beginning
constexpr double kRise = 0.5;            // of the same: a reward that has risen
constexpr double kSilentGroups = 0.8;    // share of groups whose answers all score the same
constexpr double kKlHigh = 0.3, kKlVeryHigh = 1; // nats per token
constexpr double kLengthFactor = 1.8;
constexpr double kVarietyLost = 0.6;     // of the variety at the beginning
constexpr double kCutOff = 0.9;          // share of answers

std::string shortFigure(double value) {
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 3);
    return {text.data(), end.ptr};
}

// Mean over the steps that have it.
std::optional<double> mean(std::span<const StepFinished> steps, const char* name) {
    double sum = 0, count = 0;
    for (const StepFinished& step : steps)
        if (const auto found = step.metrics.find(name); found != step.metrics.end() && std::isfinite(found->second))
            sum += found->second, ++count;
    return count > 0 ? std::optional(sum / count) : std::nullopt;
}

struct Change {
    double first = 0, last = 0;
    bool known = false;
    double factor() const { return known && first > 0 ? last / first : 1; }
};

Change change(std::span<const StepFinished> steps, const char* name) {
    const auto first = mean(steps.first(kRewardWindow), name), last = mean(steps.last(kRewardWindow), name);
    return first && last ? Change{*first, *last, true} : Change{};
}

std::string smallerRate(double learningRate, double factor) {
    return learningRate > 0 ? "training.learning_rate=" + shortFigure(learningRate / factor) : "";
}

} // namespace

std::vector<Finding> rewardFindings(std::span<const StepFinished> steps, double learningRate) {
    std::vector<Finding> found;
    if (steps.size() < 2 * kRewardWindow)
        return found;
    using Severity = Finding::Severity;
    const std::int64_t step = steps.back().step;
    const auto add = [&](const char* id, Severity severity, std::string message, std::string fix, std::string assignment = "") {
        found.push_back({id, severity, step, std::move(message), std::move(fix), std::move(assignment)});
    };
    const Change reward = change(steps, "reward"), length = change(steps, "completions/mean_length"), kl = change(steps, "kl"),
                 variety = change(steps, "completions/distinct_2");
    const double spread = std::max(mean(steps.first(kRewardWindow), "reward_std").value_or(0), 0.02);
    const bool risen = reward.known && reward.last > reward.first + kRise * spread;
    const bool drifted = length.factor() > kLengthFactor || length.factor() < 1 / kLengthFactor;
    const bool far = kl.known && kl.last > kKlHigh, poorer = variety.known && variety.factor() < kVarietyLost;

    if (const auto silent = mean(steps.last(kRewardWindow), "frac_reward_zero_std"); silent && *silent > kSilentGroups)
        add("reward.silent", Severity::Warning,
            "All answers to a prompt score the same for " + shortFigure(100 * *silent) + " % of the prompts: they teach nothing.",
            "Use more answers per prompt, a higher temperature, or a reward that tells half right from wrong.");
    if (steps.size() >= kFlatRewardAfter && reward.known && reward.last < reward.first + kFlatRise * spread)
        add("reward.flat", Severity::Warning,
            "The reward has not risen in " + std::to_string(step) + " steps (" + shortFigure(reward.first) + " to " + shortFigure(reward.last) + ").",
            "Raise the learning rate, or train on good answers first, so that some answers earn a reward.",
            learningRate > 0 ? "training.learning_rate=" + shortFigure(3 * learningRate) : "");
    if (far)
        add("kl.running_away", kl.last > kKlVeryHigh ? Severity::Serious : Severity::Warning,
            "The model is moving far from where it began: " + shortFigure(kl.last) + " nats per token.",
            "Raise the weight of the KL penalty, or lower the learning rate.", smallerRate(learningRate, 3));
    if (risen && (poorer || (drifted && far))) {
        std::string signs;
        if (poorer)
            signs += "answers repeat themselves more (variety " + shortFigure(variety.first) + " to " + shortFigure(variety.last) + ")";
        if (drifted)
            signs += std::string(signs.empty() ? "" : ", ") + "their length went from " + shortFigure(length.first) + " to " +
                     shortFigure(length.last) + " tokens";
        add("reward.hacking", Severity::Serious,
            "The reward rises (" + shortFigure(reward.first) + " to " + shortFigure(reward.last) + "), but " + signs +
                ": the model may have found a way to be scored high without being better.",
            "Read some answers. Then add a reward for what is missing, raise the weight of the KL penalty, or keep an earlier checkpoint.");
    } else if (drifted) {
        add("answers.length", Severity::Note,
            "The answers' length went from " + shortFigure(length.first) + " to " + shortFigure(length.last) + " tokens.",
            "If that is not wanted, add the length reward.");
    }
    if (const auto cut = mean(steps.last(kRewardWindow), "completions/clipped_ratio"); cut && *cut > kCutOff)
        add("answers.cut_off", Severity::Warning,
            shortFigure(100 * *cut) + " % of the answers are cut off at the longest length, so their ends are never scored.",
            "Raise the longest answer, or train on examples first, so that the model knows how to end.");
    return found;
}

} // namespace attune
