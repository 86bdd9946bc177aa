// What is known about a trained run when somebody is about to give it away, judged: scores on test rows, what its own measure
// of success did while it trained, what it forgot. What was not measured never counts as passed. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/json.h"
#include "core/eval/gate.h"

namespace attune {

/// A figure of the run before (the base model, or its first steps) and after (of the weights that are used).
struct BeforeAndAfter {
    double before = 0, after = 0;
    double noise = 0; // a change smaller than this says nothing
};

struct RunEvidence {
    std::vector<ScoreChange> scores;          // base against tuned on test rows; empty = not measured
    std::optional<BeforeAndAfter> validation; // loss
    bool learnsFromRewards = false;           // then the loss says little, and the reward counts
    std::optional<BeforeAndAfter> reward;
    std::optional<BeforeAndAfter> general;    // loss on general data
    std::int64_t reviewed = 0;                // verdicts of a blind review that prefer one of the two
    double preferred = 0, preferredLow = 0;   // share for the tuned model, and the low end of its 95 % interval
};

/// A task score that improved beyond chance and none that got worse, learning that shows in the run's own measure, and not more
/// than 5 % of general loss given up. A review counts when there is one. Reasons name what was measured.
GateResult judgeRun(const RunEvidence& evidence);

/// Without the values of each row: what is kept of an evaluation in a project.
Json scoreChangesToJson(const std::vector<ScoreChange>& changes);
/// Errors: InvalidData.
Result<std::vector<ScoreChange>> scoreChangesFromJson(const Json& json);

} // namespace attune
