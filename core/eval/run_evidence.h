// What is known about a trained run when somebody is about to give it away, judged: scores on test rows, what its own measure
// of success did while it trained, what it forgot. What was not measured never counts as passed. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/eval/gate.h"
#include "core/plan/acceptance.h"

namespace attune {

/// A figure of the run before (the base model, or its first steps) and after (of the weights that are used).
struct BeforeAndAfter {
    double before = 0, after = 0;
    double noise = 0; // a change smaller than this says nothing
};

/// What was asked of the run, and whether that was settled before anybody knew how it would end.
struct AskedOfRun {
    AcceptanceLimits limits;
    std::optional<AcceptanceLimits> beforeTraining = {}; // what the recipe asked for, when it was changed afterwards
    std::int64_t changed = 0;                            // milliseconds since 1970, UTC, of that change
};

struct RunEvidence {
    AskedOfRun asked;
    std::vector<ScoreChange> scores;          // base against tuned on test rows; empty = not measured
    bool scoresAreOlder = false;              // they were, but of weights that were trained further since
    std::optional<BeforeAndAfter> validation; // loss
    bool learnsFromRewards = false;           // then the loss says little, and the reward counts
    std::optional<BeforeAndAfter> reward;
    std::optional<BeforeAndAfter> general;    // loss on general data
    std::int64_t reviewed = 0;                // verdicts of a blind review that prefer one of the two
    double preferred = 0, preferredLow = 0;   // share for the tuned model, and the low end of its 95 % interval
};

/// A task score that improved beyond chance and by what was asked for, none that got worse, learning that shows in the run's own
/// measure, and no more of the general loss given up than was allowed. A review counts when there is one. Reasons name what was
/// measured.
GateResult judgeRun(const RunEvidence& evidence);

/// "Limits set before training: ..." or "Limits changed on 2026-11-24, after the result was there: ...; before training: ...".
std::string limitsWords(const AskedOfRun& asked);

/// Without the values of each row: what is kept of an evaluation in a project.
Json scoreChangesToJson(const std::vector<ScoreChange>& changes);
/// Errors: InvalidData.
Result<std::vector<ScoreChange>> scoreChangesFromJson(const Json& json);

} // namespace attune
