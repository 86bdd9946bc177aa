#include "core/run/doctor_rules/doctor_rule.h"

namespace attune {

const std::vector<DoctorRule>& builtinDoctorRules() {
    static const std::vector<DoctorRule> rules = [] {
        std::vector<DoctorRule> all;
        for (const auto family : {lossRules, gradientRules, validationRules, forgettingRules, preferenceRules, divergenceRules,
                                  rewardRules, lengthRules, collapseRules, formatRules})
            for (DoctorRule& rule : family())
                all.push_back(std::move(rule));
        return all;
    }();
    return rules;
}

std::string rateTimes(const RunHistory& history, double factor) {
    return history.facts.learningRate > 0 ? "training.learning_rate=" + shortNumber(history.facts.learningRate * factor) : "";
}

std::string holdTighter(const RunHistory& history, double factor) {
    for (const char* key : {"kl_coef", "init_kl_coef", "beta"})
        if (const double value = history.facts.number(key, 0); value > 0)
            return std::string("objective.") + key + "=" + shortNumber(value * factor);
    return {};
}

std::vector<WatchedAnswers> watchedAnswers(const RunHistory& history) {
    std::vector<WatchedAnswers> all;
    if (history.answers.empty())
        return all;
    const auto& newest = history.answers.rbegin()->second;
    for (const auto& [step, byPrompt] : history.answers) {
        WatchedAnswers watched;
        watched.step = step;
        for (const auto& [index, sample] : newest)
            if (const auto found = byPrompt.find(index); found != byPrompt.end() && found->second.prompt == sample.prompt) {
                watched.answers.push_back(found->second.completion);
                watched.expected.push_back(sample.expected);
            }
        if (watched.answers.size() == newest.size())
            all.push_back(std::move(watched));
    }
    return all;
}

} // namespace attune
