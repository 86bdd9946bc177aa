#include "core/run/store_sink.h"

#include "core/run/event_json.h"
#include "core/run/run_folder.h"

namespace attune {

namespace {

// Queues what one event means for the database. The futures may be dropped: the store reports a broken disk where it is
// asked.
struct Recorder {
    RunStore& store;
    std::int64_t id;
    std::map<std::string, double>& numbers;
    std::string& error;
    StateNews& news;

    void log(std::int64_t step, const char* severity, std::string what, std::string message,
             std::string hint = {}) const {
        store.appendLog(id, {{0, step, severity, std::move(what), std::move(message), std::move(hint)}});
    }
    void operator()(const StateChanged& e) const {
        if (news.isNew(e) && !e.what.empty())
            log(0, "info", std::string("state.") + runStateId(e.state), e.what);
        if (e.state == RunState::Preparing && e.fraction >= 0)
            return; // progress of the preparation, not a change
        if (isFinal(e.state) && !numbers.empty())
            (void)store.setNumbers(id, numbers);
        (void)store.setState(id, runStateId(e.state), e.state == RunState::Failed ? error : std::string());
    }
    void operator()(const StepFinished& e) const {
        numbers["steps"] = static_cast<double>(e.step), numbers["loss"] = e.loss;
        std::vector<MetricPoint> points{{"loss", e.step, e.loss},
                                        {"learning_rate", e.step, e.learningRate},
                                        {"gradient_norm", e.step, e.gradientNorm},
                                        {"tokens_per_second", e.step, e.tokensPerSecond}};
        for (const auto& [name, value] : e.metrics)
            points.push_back({name, e.step, value});
        store.appendMetrics(id, std::move(points));
    }
    void operator()(const EvalFinished& e) const {
        std::vector<MetricPoint> points{{e.name + "_loss", e.step, e.loss}};
        for (const auto& [name, value] : e.metrics)
            points.push_back({e.name + "_" + name, e.step, value});
        store.appendMetrics(id, std::move(points));
        if (e.best && e.name == "validation")
            numbers["validation_loss"] = e.loss, numbers["best_step"] = static_cast<double>(e.step);
        if (e.name == "general" && e.step == 0)
            numbers["base_general_loss"] = e.loss;
        const auto best = numbers.find("best_step"); // the validation of a step comes first
        if (e.name == "general" && (best == numbers.end() || best->second == static_cast<double>(e.step)))
            numbers["general_loss"] = e.loss;
    }
    void operator()(const SampleGenerated& e) const {
        store.addSample(id, {e.step, e.index, e.prompt, e.expected, e.completion});
    }
    void operator()(const MemoryReported& e) const {
        numbers["peak_bytes"] = static_cast<double>(e.peakBytes);
        if (e.predictedPeakBytes > 0)
            numbers["predicted_peak_bytes"] = static_cast<double>(e.predictedPeakBytes);
    }
    void operator()(const CheckpointSaved& e) const { store.addCheckpoint(id, {e.step, e.folder, e.best}); }
    void operator()(const WarningRaised& e) const { log(e.step, "warning", e.id, e.message, e.hint); }
    void operator()(const RunFailed& e) const {
        error = e.error.message;
        log(0, "error", std::string("failed.") + errorCodeId(e.error.code), e.error.message, e.error.hint);
    }
    void operator()(const TextGenerated&) const {}
};

} // namespace

Emit storeSink(RunStore& store, std::int64_t runId) {
    // Shared so that copies of the function stay one recorder.
    auto numbers = std::make_shared<std::map<std::string, double>>();
    if (auto known = store.get(runId)) // a continued run knows its best step
        *numbers = std::move(known->numbers);
    auto error = std::make_shared<std::string>();
    auto news = std::make_shared<StateNews>();
    return [&store, runId, numbers, error, news](const TrainingEvent& event) {
        std::visit(Recorder{store, runId, *numbers, *error, *news}, event);
    };
}

} // namespace attune
