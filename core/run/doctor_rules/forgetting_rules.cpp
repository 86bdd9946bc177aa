// What the model knew before: its loss on the general data.
#include "core/run/doctor_rules/doctor_rule.h"

namespace attune {

namespace {

// Nats a token on the general data: 10 % and 65 % more perplexity.
constexpr double kForgotten = 0.1, kForgottenMuch = 0.5;

std::optional<Finding> generalForgotten(const RunHistory& history) {
    if (history.general.size() < 2 || history.general.front().step != 0)
        return std::nullopt;
    const double before = history.general.front().loss;
    const EvalFinished& now = history.general.back();
    const double risen = now.loss - before;
    if (!(risen > kForgotten))
        return std::nullopt;
    return Finding{"general.forgotten", risen > kForgottenMuch ? Finding::Severity::Serious : Finding::Severity::Warning, now.step,
                   "The model forgets: its loss on the general data rose from " + shortNumber(before) + " to " + shortNumber(now.loss) + ".",
                   "Mix general data in (a protection against forgetting), or lower the learning rate.", "protection.id=replay"};
}

} // namespace

std::vector<DoctorRule> forgettingRules() {
    return {{DoctorRule::After::GeneralProbe, generalForgotten}};
}

} // namespace attune
