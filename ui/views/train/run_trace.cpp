#include "ui/views/train/run_trace.h"

#include <algorithm>
#include <map>

#include "core/run/metric_sink.h"
#include "core/run/run_folder.h"
#include "core/store/project.h"
#include "ui/bridge/qt_convert.h"

namespace attune {
namespace {

/// Steps, validations, checkpoints and samples as the store has them, in the order of their steps.
Result<std::vector<TrainingEvent>> eventsOfStore(RunStore& store, qint64 id) {
    std::map<std::int64_t, StepFinished> steps;
    std::multimap<std::int64_t, TrainingEvent> byStep;
    const auto curve = [&](const char* name, double StepFinished::*member) -> Status {
        ATTUNE_ASSIGN(const auto points, store.curve(id, name));
        for (const CurvePoint& point : points) {
            steps[point.step].step = point.step;
            steps[point.step].*member = point.value;
        }
        return {};
    };
    ATTUNE_CHECK(curve("loss", &StepFinished::loss));
    ATTUNE_CHECK(curve("learning_rate", &StepFinished::learningRate));
    ATTUNE_CHECK(curve("gradient_norm", &StepFinished::gradientNorm));
    ATTUNE_CHECK(curve("tokens_per_second", &StepFinished::tokensPerSecond));
    for (auto& [step, values] : steps) {
        values.totalSteps = steps.rbegin()->first;
        byStep.emplace(step, values);
    }
    ATTUNE_ASSIGN(const auto validation, store.curve(id, "validation_loss"));
    for (const CurvePoint& point : validation) {
        EvalFinished eval;
        eval.step = point.step;
        eval.loss = point.value;
        byStep.emplace(point.step, eval);
    }
    ATTUNE_ASSIGN(const auto general, store.curve(id, "general_loss"));
    for (const CurvePoint& point : general) {
        EvalFinished eval;
        eval.step = point.step, eval.name = "general", eval.loss = point.value;
        byStep.emplace(point.step, eval);
    }
    ATTUNE_ASSIGN(const auto checkpoints, store.checkpoints(id));
    for (const RunCheckpoint& checkpoint : checkpoints)
        byStep.emplace(checkpoint.step, CheckpointSaved{checkpoint.step, checkpoint.folder, checkpoint.best});
    ATTUNE_ASSIGN(const auto samples, store.samples(id));
    for (const RunSample& sample : samples)
        byStep.emplace(sample.step,
                       SampleGenerated{sample.step, sample.index, sample.prompt, sample.expected, sample.completion});
    ATTUNE_ASSIGN(const auto log, store.log(id));
    for (const RunLogEntry& entry : log)
        if (entry.severity == "warning")
            byStep.emplace(entry.step, WarningRaised{entry.step, entry.id, entry.message, entry.hint});
    std::vector<TrainingEvent> events;
    for (auto& [step, event] : byStep)
        events.push_back(std::move(event));
    return events;
}

} // namespace

Result<RunTrace> readRunTrace(Project& project, qint64 runId, const Catalog& catalog) {
    RunTrace trace;
    ATTUNE_ASSIGN(auto rows, readRuns(project, catalog));
    const auto found =
        std::find_if(rows.begin(), rows.end(), [&](const RunRow& row) { return row.record.id == runId; });
    if (found == rows.end())
        return fail(ErrorCode::NotFound, "There is no run " + std::to_string(runId) + " in this project.",
                    "Choose one in the history.");
    trace.row = std::move(*found);
    if (auto config = parseRunConfig(trace.row.record.recipe, catalog, trace.row.record.name)) {
        trace.config = std::move(*config);
        trace.configKnown = true;
        trace.doctor = Doctor(DoctorFacts::of(trace.config, catalog));
    }
    const RunFolder folder{fspath(trace.row.folder)};
    if (auto metrics = readMetrics(folder.metrics()); metrics && !trace.row.folder.isEmpty()) {
        trace.events = std::move(metrics->events);
    } else {
        ATTUNE_ASSIGN(trace.events, eventsOfStore(project.runs(), runId));
        const std::string& state = trace.row.record.state;
        if (state == "failed")
            trace.events.push_back(RunFailed{{ErrorCode::Internal, trace.row.record.error, {}}});
    }
    for (const TrainingEvent& event : trace.events)
        (void)trace.doctor.add(event);
    return trace;
}

} // namespace attune
