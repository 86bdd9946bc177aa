// The gradient: steps that had to be refused, and clipping that shortens nearly all of them.
#include <algorithm>

#include "core/run/doctor_rules/doctor_rule.h"

namespace attune {

namespace {

constexpr std::int64_t kClippedSteps = 50; // nearly all of so many steps clipped hard
constexpr double kClippedShare = 0.9, kClippedHard = 4;
constexpr std::size_t kManyRefused = 3;

std::optional<Finding> stepsRefused(const RunHistory& history) {
    const std::size_t count = history.warnings.size();
    return Finding{"numerical.skipped", count >= kManyRefused ? Finding::Severity::Serious : Finding::Severity::Warning,
                   history.warnings.back().step,
                   std::to_string(count) + (count == 1 ? " step was" : " steps were") +
                       " refused because the numbers overflowed, the last one at step " +
                       std::to_string(history.warnings.back().step) + ".",
                   "Lower the learning rate; if it goes on, compute in f32.", rateTimes(history, 1.0 / 3)};
}

std::optional<Finding> stepsClipped(const RunHistory& history) {
    const double limit = history.facts.maxGradientNorm;
    if (limit <= 0 || history.steps.size() < static_cast<std::size_t>(kClippedSteps))
        return std::nullopt;
    const auto hard = std::count_if(history.steps.end() - kClippedSteps, history.steps.end(),
                                    [&](const StepFinished& step) { return step.gradientNorm > kClippedHard * limit; });
    if (static_cast<double>(hard) <= kClippedShare * static_cast<double>(kClippedSteps))
        return std::nullopt;
    return Finding{"gradient.clipped", Finding::Severity::Note, history.steps.back().step,
                   "Nearly every step is shortened by gradient clipping, to less than a quarter of its length.",
                   "A smaller learning rate with a higher clipping limit often learns better.",
                   "training.max_grad_norm=" + shortNumber(limit * kClippedHard)};
}

} // namespace

std::vector<DoctorRule> gradientRules() {
    return {{DoctorRule::After::Warning, stepsRefused}, {DoctorRule::After::Step, stepsClipped}};
}

} // namespace attune
