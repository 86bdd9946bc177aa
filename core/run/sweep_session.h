// A sweep in a project: made, read, and led from one trial to the next. All that counts is in the database, so every call
// stands alone and a sweep goes on after a stop, a crash or a restart where it was. A trial is an ordinary run of the
// project. Blocking calls for a worker thread; whoever calls trains what prepareNextTrial() hands out, one at a time.
#pragma once

#include <functional>
#include <optional>

#include "core/plan/sweep.h"
#include "core/run/project_run.h"
#include "core/store/sweep_store.h"

namespace attune {

struct SweepState {
    SweepRecord record;
    SweepPlan plan;
    RunConfig base;
    std::vector<SweepTrialRecord> trials;
    std::vector<TrialOutcome> outcomes() const;
    /// Positions of the trials with a result, best first.
    std::vector<std::size_t> ranking() const { return sweepRanking(plan, outcomes()); }
};

/// Checks plan and recipe and records the sweep. `base` names a data version of the project; plan.rows is set from it.
/// `source`: see SweepRecord. Errors: what sweepTrials says; InvalidArgument when the metric cannot be measured on this data.
Result<std::int64_t> createSweep(Project& project, const Catalog& catalog, const RunConfig& base, SweepPlan plan, const std::string& source = {});
/// Errors: NotFound; InvalidData when recipe or plan cannot be read any more.
Result<SweepState> readSweep(Project& project, const Catalog& catalog, std::int64_t sweepId);

struct PreparedTrial {
    std::int64_t position = 0;
    int rung = 0, rungs = 1;
    PreparedRun run;
};
/// Records what comes next and marks the sweep running; nothing when it is done (and then marked finished). A trial that
/// the engine refuses is kept with the reason, and the one after it is tried.
Result<std::optional<PreparedTrial>> prepareNextTrial(Project& project, Engine& engine, std::int64_t sweepId);

enum class TrialEnd {
    Measured,    // it reached its rung or its end
    Failed,      // kept with its reason; the sweep goes on
    Interrupted, // stopped before: the sweep goes on with it the next time
};
/// Takes what the ended run's record says. `failure`: of the run, when it failed. Errors: the failure itself when no other
/// trial could do better (disk full, project gone): the sweep should stop, and this trial is tried again the next time.
Result<TrialEnd> recordTrialEnd(Project& project, const Catalog& catalog, std::int64_t sweepId, std::int64_t position,
                                const std::optional<Error>& failure);

/// What runSweep tells; called on the thread it runs on, events on the engine's.
struct SweepListener {
    std::function<void(const PreparedTrial&)> started = [](const PreparedTrial&) {};
    std::function<void(const PreparedTrial&, TrialEnd)> ended = [](const PreparedTrial&, TrialEnd) {};
    Emit event = [](const TrainingEvent&) {};
};
/// Trains until the sweep is done or `stop` is requested (then it is "stopped" and can be continued). Blocks.
Status runSweep(Project& project, Engine& engine, std::int64_t sweepId, const std::stop_token& stop, const SweepListener& listener);

} // namespace attune
