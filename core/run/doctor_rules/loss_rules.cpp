// The training loss: not a number, rising, flat.
#include <algorithm>
#include <cmath>

#include "core/run/doctor_rules/doctor_rule.h"

namespace attune {

namespace {

constexpr std::int64_t kFlatAfter = 100; // steps without any gain
constexpr double kFlatGain = 0.01, kFlatBand = 0.05; // relative
constexpr double kDivergeFactor = 1.5;   // average loss against the best average so far

// The loss of a model that learns from a reward goes around zero and says nothing of how well it does.
bool lossMeansLittle(const RunHistory& history) {
    return !history.metricOf({"reward", "objective/scores"}).empty();
}

std::optional<Finding> lossNotANumber(const RunHistory& history) {
    const StepFinished& step = history.steps.back();
    if (std::isfinite(step.loss))
        return std::nullopt;
    return Finding{"loss.diverging", Finding::Severity::Serious, step.step,
                   "The loss is not a number any more at step " + std::to_string(step.step) + ".",
                   "Stop and start again with a smaller learning rate.", rateTimes(history, 0.1)};
}

std::optional<Finding> lossRising(const RunHistory& history) {
    constexpr std::size_t window = RunHistory::kWindow;
    if (history.steps.size() < 2 * window || lossMeansLittle(history))
        return std::nullopt;
    const double now = history.averageLoss(history.steps.size() - window, window), best = history.bestLoss();
    if (!(now > kDivergeFactor * best && now > best + 0.1))
        return std::nullopt;
    const bool early = now > history.averageLoss(0, window);
    return Finding{early ? "learning_rate.high" : "loss.diverging",
                   early ? Finding::Severity::Serious : Finding::Severity::Warning, history.steps.back().step,
                   "The training loss rose from " + shortNumber(best) + " to " + shortNumber(now) +
                       (early ? ", above where it began: the learning rate is too high." : "."),
                   "Start again with a third of the learning rate, or a longer warm-up.", rateTimes(history, 1.0 / 3)};
}

std::optional<Finding> lossFlat(const RunHistory& history) {
    constexpr std::size_t window = RunHistory::kWindow;
    const std::int64_t step = history.steps.back().step;
    if (step < kFlatAfter || history.steps.size() < static_cast<std::size_t>(kFlatAfter) || lossMeansLittle(history))
        return std::nullopt;
    const double first = history.averageLoss(0, window), now = history.averageLoss(history.steps.size() - window, window);
    if (!(first - now < kFlatGain * std::abs(first) && std::abs(now - first) < kFlatBand * std::abs(first)))
        return std::nullopt;
    return Finding{"loss.flat", Finding::Severity::Warning, step,
                   "The training loss has hardly moved in " + std::to_string(step) + " steps (" + shortNumber(first) + " to " +
                       shortNumber(now) + ").",
                   "Raise the learning rate, or check in the loss view that the right text is trained.", rateTimes(history, 3)};
}

} // namespace

std::vector<DoctorRule> lossRules() {
    using After = DoctorRule::After;
    return {{After::Step, lossNotANumber}, {After::Step, lossRising}, {After::Step, lossFlat}};
}

} // namespace attune
