// What the model knew before: its loss on the general data.
#include "core/run/doctor_rules/doctor_rule.h"
#include "core/run/forgetting.h"

namespace attune {

namespace {

constexpr double kMuch = 5; // times the limit: serious

std::optional<Finding> generalForgotten(const RunHistory& history) {
    if (history.general.size() < 2 || history.general.front().step != 0)
        return std::nullopt;
    const EvalFinished& now = history.general.back();
    const Forgetting forgetting{history.general.front().loss, now.loss, history.facts.forgettingLimit};
    if (!forgetting.beyondLimit())
        return std::nullopt;
    const bool much = now.loss > forgetting.before * (1 + kMuch * forgetting.limit);
    return Finding{"general.forgotten", much ? Finding::Severity::Serious : Finding::Severity::Warning, now.step, forgettingWords(forgetting),
                   "Mix general data in (a protection against forgetting), or lower the learning rate.", "protection.id=replay"};
}

} // namespace

std::vector<DoctorRule> forgettingRules() {
    return {{DoctorRule::After::GeneralProbe, generalForgotten}};
}

} // namespace attune
