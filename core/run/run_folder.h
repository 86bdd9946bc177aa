// The names inside a run's folder, its small record run.json, and the list of runs in a folder. A run is a plain folder
// any other tool can open; nothing here knows the database. Any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/run/training_event.h"

namespace attune {

struct RunFolder {
    fs::path root;
    fs::path recipe() const { return root / "recipe.yaml"; }
    fs::path metrics() const { return root / "metrics.jsonl"; }
    fs::path checkpoints() const { return root / "checkpoints"; }
    fs::path adapter() const { return root / "adapter"; }
    fs::path record() const { return root / "run.json"; }
    fs::path report() const { return root / "report.html"; }
};

struct RunSummary {
    std::string id, name, model, method, objective, dataHash;
    RunState state = RunState::Preparing;
    std::string created, finished; // ISO 8601, UTC
    std::int64_t step = 0, totalSteps = 0, bestStep = -1;
    // Nothing: not measured. Of runs that learn from rewards the loss is the negative reward, so it may be any number.
    std::optional<double> baseValidationLoss, bestValidationLoss;
    std::optional<double> baseGeneralLoss, generalLoss; // on the general data: before, and of the best weights
    std::string error;                                       // message of a failed run
    bool operator==(const RunSummary&) const = default;
};
Json runSummaryToJson(const RunSummary& record);
Result<RunSummary> runSummaryFromJson(const Json& json);
Status writeRunSummary(const RunFolder& folder, const RunSummary& record); // atomic
Result<RunSummary> readRunSummary(const RunFolder& folder);
/// Folds an event into the record (state, step, best).
void updateRunSummary(RunSummary& record, const TrainingEvent& event);

struct ListedRun {
    RunFolder folder;
    RunSummary record;
};
/// Subfolders of `folder` that hold a readable run.json, newest first; others are left out.
std::vector<ListedRun> listRuns(const fs::path& folder);
std::string utcNow(); // "2026-01-31T08:15:30Z"
Result<RunState> runStateFromId(std::string_view id);
inline bool isFinal(RunState state) {
    return state == RunState::Finished || state == RunState::Stopped || state == RunState::Failed;
}

} // namespace attune
