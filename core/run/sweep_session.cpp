#include "core/run/sweep_session.h"

#include <algorithm>
#include <cmath>

#include "core/run/engine.h"
#include "core/run/run_controller.h"
#include "core/run/store_sink.h"
#include "core/store/project.h"

namespace attune {

namespace {

// The metric of a run up to a step (0 = to its end): the best measurement for what is measured now and then, because the
// best checkpoint is what is used; for the loss of single steps, which jumps, the mean of the last tenth. The measurement
// before the first step is the base model's and says nothing of the trial.
Result<std::optional<double>> metricOf(Project& project, std::int64_t runId, const SweepMetric& metric, std::int64_t upTo) {
    ATTUNE_ASSIGN(const std::vector<CurvePoint> curve, project.runs().curve(runId, metric.id, 0));
    std::vector<double> values;
    for (const CurvePoint& point : curve)
        if ((upTo == 0 || point.step <= upTo) && std::isfinite(point.value))
            values.push_back(point.value);
    if (values.empty())
        return std::nullopt;
    if (metric.id == "loss") {
        const std::size_t last = std::max<std::size_t>(1, values.size() / 10);
        double sum = 0;
        for (std::size_t i = values.size() - last; i < values.size(); ++i)
            sum += values[i];
        return sum / static_cast<double>(last);
    }
    return metric.higherIsBetter ? *std::max_element(values.begin(), values.end()) : *std::min_element(values.begin(), values.end());
}

Result<std::int64_t> lastStep(Project& project, std::int64_t runId) {
    ATTUNE_ASSIGN(const std::vector<CurvePoint> curve, project.runs().curve(runId, "loss"));
    return curve.empty() ? 0 : curve.back().step;
}

// Nothing a different setting could change.
bool endsTheSweep(const Error& error) {
    return error.code == ErrorCode::OutOfSpace || error.code == ErrorCode::Busy;
}

// A trial adds its rows to a copy of the project's memory of earlier runs: otherwise the trials after it would rehearse them
// and not be comparable. A memory the recipe names itself is left to it.
Status giveOwnMemory(Project& project, std::int64_t sweepId, std::int64_t position, TrainRequest& request) {
    const auto named = request.config.protection.params.find("file");
    if (named != request.config.protection.params.end() && named->second != ParamValue(std::string()))
        return {};
    const fs::path shared = request.replayMemory, folder = project.folder() / "cache" / "sweeps";
    const fs::path own = folder / (std::to_string(sweepId) + "-" + std::to_string(position + 1) + ".jsonl");
    std::error_code code;
    fs::create_directories(folder, code);
    if (!code && !fs::exists(own, code) && fs::exists(shared, code))
        fs::copy_file(shared, own, code);
    if (code)
        return fail(errnoError(code.value(), "Cannot write", own));
    request.replayMemory = own.string();
    return {};
}

std::string withHint(const Error& error) {
    return error.hint.empty() ? error.message : error.message + ". " + error.hint;
}

} // namespace

std::vector<TrialOutcome> SweepState::outcomes() const {
    std::vector<TrialOutcome> list;
    for (const SweepTrialRecord& trial : trials)
        list.push_back({trial.results, trial.failed});
    return list;
}

Result<std::int64_t> createSweep(Project& project, const Catalog& catalog, const RunConfig& base, SweepPlan plan, const std::string& source) {
    ATTUNE_ASSIGN(const auto train, project.datasets().source(base.data.datasetVersion, Split::Train));
    plan.rows = static_cast<std::int64_t>(train->size());
    if (plan.metric.starts_with("validation")) {
        const auto validation = project.datasets().source(base.data.datasetVersion, Split::Validation);
        if (!validation || (*validation)->size() == 0)
            return fail(ErrorCode::InvalidArgument, "There are no validation rows, so trials cannot be compared by " + plan.metric,
                        "Set some rows aside for validation, or compare by the training loss.");
    }
    if (plan.metric == "general_loss" && base.data.general.empty())
        return fail(ErrorCode::InvalidArgument, "The recipe names no general data, so trials cannot be compared by it",
                    "Name texts or conversations from outside the task (data.general), or compare by another metric.");
    ATTUNE_ASSIGN(const std::vector<TrialValues> trials, sweepTrials(plan, base, catalog));
    SweepRecord record;
    record.recipe = toYaml(base);
    record.plan = sweepPlanToJson(plan).dump();
    record.source = source;
    record.name = base.name;
    return project.sweeps().add(record, trials);
}

Result<SweepState> readSweep(Project& project, const Catalog& catalog, std::int64_t sweepId) {
    SweepState state;
    ATTUNE_ASSIGN(state.record, project.sweeps().get(sweepId));
    ATTUNE_ASSIGN(state.base, parseRunConfig(state.record.recipe, catalog, "the recipe of the sweep"));
    ATTUNE_ASSIGN(const Json plan, parseJson(state.record.plan, "The plan of the sweep"));
    ATTUNE_ASSIGN(state.plan, sweepPlanFromJson(plan, state.base, catalog));
    ATTUNE_ASSIGN(state.trials, project.sweeps().trials(sweepId));
    for (const SweepTrialRecord& trial : state.trials)
        if (trial.values.size() != state.plan.knobs.size())
            return fail(ErrorCode::InvalidData, "Trial " + std::to_string(trial.position + 1) + " of the sweep is damaged",
                        "Start the sweep anew; its runs can still be used.");
    return state;
}

Result<std::optional<PreparedTrial>> prepareNextTrial(Project& project, Engine& engine, std::int64_t sweepId) {
    ATTUNE_ASSIGN(SweepState state, readSweep(project, engine.catalog(), sweepId));
    while (const auto next = nextTrial(state.plan, state.outcomes())) {
        SweepTrialRecord& trial = state.trials[next->trial];
        ATTUNE_ASSIGN(RunConfig recipe, trialRecipe(state.plan, state.trials.size(), state.base, trial.values, engine.catalog()));
        recipe.name = "Sweep " + std::to_string(sweepId) + ", trial " + std::to_string(trial.position + 1);
        PreparedTrial prepared;
        prepared.position = trial.position;
        prepared.rung = next->rung;
        prepared.rungs = rungCount(state.plan, state.trials.size());
        Result<PreparedRun> run = trial.runId == 0 ? prepareRun(project, engine, recipe) : prepareContinuation(project, engine.catalog(), trial.runId);
        if (!run) {
            if (endsTheSweep(run.error()))
                return fail(run.error());
            trial.failed = true;
            trial.error = withHint(run.error());
            ATTUNE_CHECK(project.sweeps().setTrial(sweepId, trial));
            continue;
        }
        prepared.run = std::move(*run);
        ATTUNE_CHECK(giveOwnMemory(project, sweepId, trial.position, prepared.run.request));
        prepared.run.request.stopAfterStep = stepsAtRung(state.plan, state.trials.size(), recipe, next->rung);
        trial.runId = prepared.run.id;
        ATTUNE_CHECK(project.sweeps().setTrial(sweepId, trial));
        ATTUNE_CHECK(project.sweeps().setState(sweepId, "running"));
        return prepared;
    }
    if (state.record.state != "finished")
        ATTUNE_CHECK(project.sweeps().setState(sweepId, "finished"));
    return std::nullopt;
}

Result<TrialEnd> recordTrialEnd(Project& project, const Catalog& catalog, std::int64_t sweepId, std::int64_t position,
                                const std::optional<Error>& failure) {
    ATTUNE_ASSIGN(SweepState state, readSweep(project, catalog, sweepId));
    if (position < 0 || position >= std::ssize(state.trials))
        return fail(ErrorCode::NotFound, "Sweep " + std::to_string(sweepId) + " has no trial " + std::to_string(position + 1), "Reload the sweep.");
    SweepTrialRecord& trial = state.trials[static_cast<std::size_t>(position)];
    ATTUNE_ASSIGN(const RunRecord run, project.runs().get(trial.runId));
    if (failure && endsTheSweep(*failure))
        return fail(*failure);
    const auto failed = [&](std::string why) -> Result<TrialEnd> {
        trial.failed = true;
        trial.error = std::move(why);
        ATTUNE_CHECK(project.sweeps().setTrial(sweepId, trial));
        return TrialEnd::Failed;
    };
    if (failure || run.state == "failed")
        return failed(failure ? withHint(*failure) : run.error);
    const std::size_t rungs = static_cast<std::size_t>(rungCount(state.plan, state.trials.size()));
    ATTUNE_ASSIGN(const RunConfig recipe, trialRecipe(state.plan, state.trials.size(), state.base, trial.values, catalog));
    const std::int64_t target = stepsAtRung(state.plan, state.trials.size(), recipe, static_cast<int>(trial.results.size()));
    const bool finished = run.state == "finished";
    ATTUNE_ASSIGN(const std::int64_t reached, lastStep(project, trial.runId));
    if (!finished && (target == 0 || reached < target))
        return TrialEnd::Interrupted;
    ATTUNE_ASSIGN(const SweepMetric metric, findSweepMetric(state.plan.metric));
    ATTUNE_ASSIGN(const std::optional<double> value, metricOf(project, trial.runId, metric, target));
    if (!value)
        return failed(metric.label + " was not measured in this run. Choose another metric to compare by.");
    trial.results.push_back(*value);
    if (finished) // also one that ended early by itself: it stands for every rung to come
        trial.results.resize(rungs, *value);
    ATTUNE_CHECK(project.sweeps().setTrial(sweepId, trial));
    return TrialEnd::Measured;
}

Status runSweep(Project& project, Engine& engine, std::int64_t sweepId, const std::stop_token& stop, const SweepListener& listener) {
    EngineThread thread(0);
    const auto endWith = [&](const Error& error) -> Status {
        ATTUNE_CHECK(project.sweeps().setState(sweepId, "stopped", error.message));
        return fail(error);
    };
    while (!stop.stop_requested()) {
        auto next = prepareNextTrial(project, engine, sweepId);
        if (!next)
            return endWith(next.error());
        if (!*next)
            return {};
        PreparedTrial& trial = **next;
        listener.started(trial);
        RunController controller(engine, thread, [record = storeSink(project.runs(), trial.run.id), &listener](TrainingEvent event) {
            record(event);
            listener.event(std::move(event));
        });
        std::optional<Error> failure;
        Status ended = controller.start(std::move(trial.run.request));
        if (ended) {
            const std::stop_callback stopRun(stop, [&] { controller.stop(); });
            ended = controller.wait();
        }
        if (!ended)
            failure = ended.error();
        const auto end = recordTrialEnd(project, engine.catalog(), sweepId, trial.position, failure);
        if (!end)
            return endWith(end.error());
        listener.ended(trial, *end);
        if (*end == TrialEnd::Interrupted)
            break;
    }
    return project.sweeps().setState(sweepId, "stopped");
}

} // namespace attune
