// What a project knows about one of its runs before it is given away: the scores that Evaluate kept, the run's own record, a blind
// review. Values; for tasks.
#pragma once

#include <map>

#include "core/eval/run_evidence.h"
#include "core/run/doctor.h"
#include "core/run/training_event.h"
#include "ui/models/finished_runs.h"

namespace attune {

/// What the run said of itself: validation, reward and general data, each before and after.
RunEvidence evidenceOfEvents(const std::vector<TrainingEvent>& events);
/// Validation and general loss by step, 0 = the base model: of the checkpoint that the run keeps, the best by validation.
void addLosses(RunEvidence& evidence, const std::map<std::int64_t, double>& validations, const std::map<std::int64_t, double>& generals);
/// All of it. A part that cannot be read counts as not measured.
RunEvidence readRunEvidence(Project& project, const FinishedRun& run);
/// What all of it says, and what the doctor found in the run's record.
struct RunJudgement {
    GateResult gate;
    std::vector<Finding> findings;
};
RunJudgement readRunJudgement(Project& project, const FinishedRun& run, const Catalog& catalog);
/// Other limits than those of the recipe, with the time: what was asked for before training stays known.
Status changeLimits(Project& project, const FinishedRun& run, const AcceptanceLimits& limits);
/// The recipe's limits, or those they were changed to.
AskedOfRun askedOf(Project& project, const FinishedRun& run);

} // namespace attune
