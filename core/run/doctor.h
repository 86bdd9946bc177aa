// Rules over a run's events that say in plain words what is going wrong and what to do. Fed with every event; a value
// type without threads. It judges only what it has seen: no finding is no promise.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/run/training_event.h"

namespace attune {

struct Finding {
    enum class Severity { Note, Warning, Serious };
    std::string id; // "loss.flat", "loss.diverging", "numerical.skipped", "eval.rising", "learning_rate.high",
                    // "gradient.clipped", "loss.memorised", "general.forgotten"
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
    explicit Doctor(double learningRate = 0, double maxGradientNorm = 1)
        : m_learningRate(learningRate), m_clip(maxGradientNorm) {}
    /// Findings that are new with this event (each id once, unless it got worse).
    std::vector<Finding> add(const TrainingEvent& event);
    const std::vector<Finding>& findings() const { return m_findings; } // the latest of each id, in order of appearance

private:
    void onStep(const StepFinished& step, std::vector<Finding>& fresh);
    void onEval(const EvalFinished& eval, std::vector<Finding>& fresh);
    void onGeneral(const EvalFinished& eval, std::vector<Finding>& fresh);
    void note(Finding finding, std::vector<Finding>& fresh);

    double m_learningRate, m_clip;
    std::vector<StepFinished> m_steps;
    std::vector<EvalFinished> m_evals;
    std::vector<std::int64_t> m_checkpoints;
    std::int64_t m_skipped = 0;
    double m_generalBefore = -1; // loss on the general data before the first step
    std::vector<Finding> m_findings;
};

} // namespace attune
