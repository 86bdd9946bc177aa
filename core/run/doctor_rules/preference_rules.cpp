// Preference learning: the better answers themselves become less likely while the gap grows (likelihood displacement,
// Razin et al. 2024).
#include <algorithm>
#include <cmath>

#include "core/run/doctor_rules/doctor_rule.h"

namespace attune {

namespace {

constexpr const char* kChosen = "logps/chosen";
constexpr const char* kMargin = "rewards/margins";
constexpr double kFall = 0.05, kSeriousFall = 0.25, kLeastFall = 2; // share of the log-probability, and nats of an answer
constexpr double kNoisyFall = 0.15; // other rows at each step: more is asked of a comparison of steps

double valueOf(const std::map<std::string, double>& metrics, const char* name) {
    const auto found = metrics.find(name);
    return found == metrics.end() ? std::nan("") : found->second;
}

std::optional<Finding> displaced(const RunHistory& history, std::int64_t step, double before, double now, double share) {
    const double fall = before - now;
    if (!(fall > kLeastFall && fall > share * std::abs(before)))
        return std::nullopt;
    Finding finding{"preference.chosen_falling",
                    fall > kSeriousFall * std::abs(before) ? Finding::Severity::Serious : Finding::Severity::Warning, step,
                    "The better answers have become less likely (log-probability " + shortNumber(before) + " to " + shortNumber(now) +
                        ") while the gap to the worse ones grows: the model moves away from both.",
                    "Add some plain learning of the better answers.", ""};
    if (history.facts.has("sft_weight") && history.facts.number("sft_weight", 0) < 1)
        finding.assignment = "objective.sft_weight=1";
    else {
        finding.fix = "Hold the model closer to its start, or lower the learning rate.";
        finding.assignment = rateTimes(history, 1.0 / 3);
    }
    return finding;
}

// Validation holds the same rows each time, so its change is no accident of the rows.
std::optional<Finding> displacedOnValidation(const RunHistory& history) {
    const EvalFinished &first = history.evals.front(), &now = history.evals.back();
    if (history.evals.size() < 2 || !(valueOf(now.metrics, kMargin) > valueOf(first.metrics, kMargin)))
        return std::nullopt;
    return displaced(history, now.step, valueOf(first.metrics, kChosen), valueOf(now.metrics, kChosen), kFall);
}

// Without validation: the first steps against the newest.
std::optional<Finding> displacedOnSteps(const RunHistory& history) {
    if (!history.evals.empty() || history.steps.size() < 3 * RunHistory::kWindow)
        return std::nullopt;
    const auto before = history.first(kChosen), now = history.recent(kChosen);
    const auto marginBefore = history.first(kMargin), marginNow = history.recent(kMargin);
    if (!before || !now || !marginBefore || !marginNow || !(*marginNow > *marginBefore))
        return std::nullopt;
    return displaced(history, history.steps.back().step, *before, *now, kNoisyFall);
}

} // namespace

std::vector<DoctorRule> preferenceRules() {
    return {{DoctorRule::After::Validation, displacedOnValidation}, {DoctorRule::After::Step, displacedOnSteps}};
}

} // namespace attune
