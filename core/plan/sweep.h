// A sweep: many runs of one recipe in which some knobs are turned, and which of them comes next. Plain arithmetic on
// values, the same on every machine for one seed; nothing here trains, reads or writes. Any thread.
//
// Successive halving (Jamieson and Talwalkar 2016): with n trials and a keep of one in eta there are
// s + 1 rungs, s = floor(log_eta n). Every trial trains to the first rung, the best floor(n / eta) of them go on from
// their checkpoint to the next, eta times as far, and so on; the last rung is the whole run. The learning rate follows
// the schedule of the whole run from the start, so a survivor's run is the run it would have been alone.
#pragma once

#include <optional>

#include "core/base/json.h"
#include "core/plan/estimate.h"
#include "core/plan/sweep_knob.h"

namespace attune {

enum class SweepKind { Grid, Random, Halving };
const char* sweepKindId(SweepKind kind); // "grid", "random", "halving"
Result<SweepKind> sweepKindFromId(std::string_view id);

/// What trials are compared by.
struct SweepMetric {
    std::string id;    // of the run's curve: "validation_loss" ...
    std::string label; // "Validation loss"
    bool higherIsBetter = false;
};
const std::vector<SweepMetric>& sweepMetrics();
/// Errors: InvalidArgument naming the nearest.
Result<SweepMetric> findSweepMetric(std::string_view id);

struct SweepPlan {
    SweepKind kind = SweepKind::Grid;
    std::vector<SweepKnob> knobs;
    std::int64_t trials = 0; // wanted, random and halving; a grid has as many as it has combinations
    std::string metric = "validation_loss";
    std::uint64_t seed = 42;
    std::int64_t eta = 3;  // halving keeps one in so many
    std::int64_t rows = 0; // training rows: what a run's steps are counted from
    bool operator==(const SweepPlan&) const = default;
};
inline constexpr std::size_t kMaxSweepTrials = 1000;

/// Values of one trial, beside the plan's knobs.
using TrialValues = std::vector<std::string>;

/// All trials, each combination once, in the order they are trained. Every one makes a recipe without errors. Errors:
/// InvalidArgument (no knob, a knob twice, too many, a combination the recipe refuses, knobs halving sets itself).
Result<std::vector<TrialValues>> sweepTrials(const SweepPlan& plan, const RunConfig& base, const Catalog& catalog);
/// `base` with the trial's values. Halving fixes max_steps (a multiple of the rungs) and measures at every rung. Errors:
/// InvalidArgument, as setByPath, or too few steps for the rungs.
Result<RunConfig> trialRecipe(const SweepPlan& plan, std::size_t trialCount, const RunConfig& base, const TrialValues& values,
                              const Catalog& catalog);

/// Number of rungs; 1 where nothing is halved.
int rungCount(const SweepPlan& plan, std::size_t trialCount);
/// How many trials reach this rung.
std::size_t trialsAtRung(const SweepPlan& plan, std::size_t trialCount, int rung);
/// The step at which a trial of this recipe reaches the rung; 0 = its own end.
std::int64_t stepsAtRung(const SweepPlan& plan, std::size_t trialCount, const RunConfig& recipe, int rung);

/// How far a trial has come. results[i]: the metric at rung i.
struct TrialOutcome {
    std::vector<double> results;
    bool failed = false;
};
struct NextTrial {
    std::size_t trial = 0;
    int rung = 0;
    bool operator==(const NextTrial&) const = default;
};
/// What to train next; nothing when the sweep is done. A failed trial is out and its place is given to nobody.
std::optional<NextTrial> nextTrial(const SweepPlan& plan, const std::vector<TrialOutcome>& outcomes);
/// Trials with a result, best first: further rungs before earlier ones, then by the metric, equals in their order.
std::vector<std::size_t> sweepRanking(const SweepPlan& plan, const std::vector<TrialOutcome>& outcomes);

/// Before anything is trained: every trial's own time, halving by the average.
struct SweepEstimate {
    std::size_t trials = 0;
    std::int64_t steps = 0;
    double seconds = 0;
    std::int64_t peakBytes = 0; // of the largest trial
};
Result<SweepEstimate> estimateSweep(const SweepPlan& plan, const RunConfig& base, const ModelConfig& model, const DataShape& data,
                                    const Computer& computer, const Catalog& catalog);

Json sweepPlanToJson(const SweepPlan& plan);
/// Errors: InvalidData (damaged), InvalidArgument (a knob this recipe does not have).
Result<SweepPlan> sweepPlanFromJson(const Json& json, const RunConfig& base, const Catalog& catalog);

} // namespace attune
