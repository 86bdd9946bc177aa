#include "core/run/doctor.h"

#include <algorithm>
#include <utility>

#include "core/run/doctor_rules/doctor_rule.h"

namespace attune {

void Doctor::note(Finding finding, std::vector<Finding>& fresh) {
    const auto known =
        std::find_if(m_findings.begin(), m_findings.end(), [&](const Finding& f) { return f.id == finding.id; });
    if (known == m_findings.end()) {
        m_findings.push_back(finding);
        fresh.push_back(std::move(finding));
        return;
    }
    const bool worse = finding.severity > known->severity;
    *known = finding;
    if (worse)
        fresh.push_back(std::move(finding));
}

std::vector<Finding> Doctor::add(const TrainingEvent& event) {
    std::vector<Finding> fresh;
    const auto ask = [&](DoctorRule::After after) {
        for (const DoctorRule& rule : builtinDoctorRules())
            if (rule.after == after)
                if (std::optional<Finding> finding = rule.judge(m_history))
                    note(std::move(*finding), fresh);
    };
    const auto judgeAnswers = [&] {
        if (std::exchange(m_answersDue, false))
            ask(DoctorRule::After::Answers);
    };
    if (!std::holds_alternative<SampleGenerated>(event))
        judgeAnswers();
    m_history.add(event);
    if (std::holds_alternative<StepFinished>(event))
        ask(DoctorRule::After::Step);
    else if (const auto* eval = std::get_if<EvalFinished>(&event); eval && eval->name == "validation")
        ask(DoctorRule::After::Validation);
    else if (eval && eval->name == "general")
        ask(DoctorRule::After::GeneralProbe);
    else if (const auto* warning = std::get_if<WarningRaised>(&event); warning && warning->id.starts_with("numerical."))
        ask(DoctorRule::After::Warning);
    else if (std::holds_alternative<SampleGenerated>(event))
        m_answersDue = true;
    return fresh;
}

} // namespace attune
