// What a project knows about one of its runs before it is given away: the scores that Evaluate kept, the run's own record, a blind
// review. Values; for tasks.
#pragma once

#include "core/eval/run_evidence.h"
#include "core/run/training_event.h"
#include "ui/models/finished_runs.h"

namespace attune {

/// What the run said of itself: validation, reward and general data, each before and after.
RunEvidence evidenceOfEvents(const std::vector<TrainingEvent>& events);
/// All of it. A part that cannot be read counts as not measured.
RunEvidence readRunEvidence(Project& project, const FinishedRun& run);
/// Keeps what Evaluate measured on the test rows.
Status keepScores(Project& project, qint64 runId, const std::vector<ScoreChange>& changes);

} // namespace attune
