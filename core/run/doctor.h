// Rules over a run's events that say in plain words what is going wrong and what to do. Fed with every event; a value
// type without threads. It judges only what it has seen: no finding is no promise. The rules: core/run/doctor_rules.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/run/doctor_rules/run_history.h"

namespace attune {

struct Finding {
    enum class Severity { Note, Warning, Serious };
    std::string id; // "loss.flat", "loss.diverging", "learning_rate.high", "numerical.skipped", "gradient.clipped", "eval.rising",
                    // "loss.memorised", "general.forgotten", "preference.chosen_falling", "kl.running_away", "reward.hacked", "reward.silent", "reward.flat", "reward.not_learned",
                    // "answers.cut_off", "length.drift",
                    // "answers.collapsed", "entropy.collapsed", "format.json", "format.markers", "format.empty"
    Severity severity = Severity::Warning;
    std::int64_t step = 0;
    std::string message; // "Validation loss has been rising since step 120; the best checkpoint is step 100."
    std::string fix;     // what to do, in words
    std::string
        assignment; // recipe change for a one-click fix in setByPath form ("training.learning_rate=1e-4"), or empty
    std::int64_t useCheckpoint = -1; // step of the checkpoint the fix would use, or -1
};

class Doctor {
public:
    /// maxGradientNorm: of the recipe, 0 = clipping is off.
    explicit Doctor(double learningRate = 0, double maxGradientNorm = 1) { m_history.facts.learningRate = learningRate, m_history.facts.maxGradientNorm = maxGradientNorm; }
    explicit Doctor(DoctorFacts facts) { m_history.facts = std::move(facts); }
    /// Findings that are new with this event (each id once, unless it got worse). Answers to watched prompts are judged when
    /// the checkpoint they belong to is saved, or another step begins: then all of them are there.
    std::vector<Finding> add(const TrainingEvent& event);
    const std::vector<Finding>& findings() const { return m_findings; } // the latest of each id, in order of appearance

private:
    void note(Finding finding, std::vector<Finding>& fresh);

    RunHistory m_history;
    std::vector<Finding> m_findings;
    bool m_answersDue = false;
};

} // namespace attune
