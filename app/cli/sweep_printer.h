// What `attune-cli sweep` says: the plan before it starts, one line a trial, the table at the end; or one JSON object for
// each of them. Called from the thread that runs the sweep.
#pragma once

#include "app/cli/cli.h"
#include "core/plan/sweep.h"
#include "core/run/sweep_session.h"

namespace attune::cli {

/// One line of the plan. `estimate` may be missing (a model that cannot be estimated).
void printSweepPlan(const Cli& cli, const SweepPlan& plan, std::size_t trials, const std::optional<SweepEstimate>& estimate);
/// The trial's line after it ended; the state is read again from the project.
void printTrial(const Cli& cli, const SweepState& state, const PreparedTrial& trial, TrialEnd end);
/// Best first, then those that failed.
void printSweepTable(const Cli& cli, const SweepState& state);

} // namespace attune::cli
