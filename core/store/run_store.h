// Runs of a project: recipe, state, curves, log, checkpoints and generated samples. Safe to call from any thread. Keeps
// plain values of its own: whoever listens to the engine converts its events. A run's folder is a second, independent
// record.
#pragma once

#include <cstdint>
#include <future>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace attune {

class Database;

struct RunRecord {
    std::int64_t id = 0;
    std::string name;
    std::string recipe; // YAML
    std::string folder; // relative to the project when inside it
    std::string state;  // runStateId, or "queued", "interrupted" (its process died)
    std::string model;
    std::string error; // why it failed
    std::string notes;
    std::int64_t datasetVersion = 0;        // DatasetVersion::id, 0 = none
    std::int64_t created = 0, finished = 0; // milliseconds since 1970, UTC; finished 0 = not yet
    std::map<std::string, double> numbers;  // final numbers: "validation_loss", "best_step" ...
    bool removed = false;
};

struct MetricPoint {
    std::string name; // "loss", "validation_loss", "learning_rate" ...
    std::int64_t step = 0;
    double value = 0; // NaN and infinities are kept as such
};
struct CurvePoint {
    std::int64_t step = 0;
    double value = 0;
};
struct RunLogEntry {
    std::int64_t time = 0; // milliseconds since 1970, UTC; 0 = now
    std::int64_t step = 0;
    std::string severity; // "info", "warning", "error"
    std::string id;       // "numerical.skipped" ...
    std::string message, hint;
};
struct RunCheckpoint {
    std::int64_t step = 0;
    std::string folder;
    bool best = false;
};
struct RunSample {
    std::int64_t step = 0;
    int index = 0; // which of the fixed prompts
    std::string prompt, expected, completion;
};

class RunStore {
public:
    explicit RunStore(Database& database) : m_database(database) {}

    /// Records a run (id and created are set here) and returns its id.
    Result<std::int64_t> add(const RunRecord& run);
    Result<RunRecord> get(std::int64_t runId);
    /// Newest first; removed ones only when asked for.
    Result<std::vector<RunRecord>> list(bool withRemoved = false);

    /// Ending states ("finished", "stopped", "failed", "interrupted") set the time of the end.
    Status setState(std::int64_t runId, const std::string& state, const std::string& error = {});
    Status setFolder(std::int64_t runId, const std::string& folder);
    Status setNumbers(std::int64_t runId, const std::map<std::string, double>& numbers); // merged into what is there
    /// Return what was there before, for undo.
    Result<std::string> setNotes(std::int64_t runId, const std::string& notes);
    Result<std::string> rename(std::int64_t runId, const std::string& name);
    /// Hides a run or brings it back; its rows and folder stay.
    Status setRemoved(std::int64_t runId, bool removed);

    // What a run says while it runs. These only queue (cheap on the listening thread); the future tells when it is on
    // the disk and may be dropped. A step written again (resume) replaces the earlier value.
    std::future<Status> appendMetrics(std::int64_t runId, std::vector<MetricPoint> points);
    std::future<Status> appendLog(std::int64_t runId, std::vector<RunLogEntry> entries);
    std::future<Status> addCheckpoint(std::int64_t runId, RunCheckpoint checkpoint); // best moves from the earlier best
    std::future<Status> addSample(std::int64_t runId, RunSample sample);

    Result<std::vector<std::string>> metricNames(std::int64_t runId);
    /// By step. `afterStep` reads only what is new.
    Result<std::vector<CurvePoint>> curve(std::int64_t runId, const std::string& name, std::int64_t afterStep = -1);
    Result<std::vector<RunLogEntry>> log(std::int64_t runId);
    Result<std::vector<RunCheckpoint>> checkpoints(std::int64_t runId); // by step
    Result<std::vector<RunSample>> samples(std::int64_t runId);         // by step, then index

    /// Runs that a dead process left in a living state become "interrupted". Called when a project opens. Returns how
    /// many.
    Result<std::int64_t> markInterrupted();

private:
    Database& m_database;
};

} // namespace attune
