#include "core/run/project_run.h"

#include <cstdio>
#include <cstdlib>

#include "core/data/general_data.h"
#include "core/plan/presets.h"
#include "core/run/engine.h"
#include "core/store/project.h"

namespace attune {
namespace {

Status addRows(Project& project, TrainRequest& request) {
    request.tokenCache = (project.folder() / "cache" / "tokens").string(); // stays and goes with the data it is made of
    request.replayMemory = (project.folder() / "replay_memory.jsonl").string();
    const std::int64_t version = request.config.data.datasetVersion;
    ATTUNE_ASSIGN(request.train, project.datasets().source(version, Split::Train));
    // A version without validation rows can be trained; the set-up page warned.
    auto validation = project.datasets().source(version, Split::Validation);
    if (validation)
        request.validation = std::move(*validation);
    else if (validation.error().code != ErrorCode::InvalidData)
        return fail(validation.error());
    // Relative paths mean files in the project's folder.
    if (!request.config.start.empty())
        request.start = (project.folder() / request.config.start).lexically_normal().string();
    if (!request.config.data.general.empty()) {
        ATTUNE_ASSIGN(request.general, loadGeneralData(project.folder() / request.config.data.general));
    }
    return {};
}

} // namespace

Result<PreparedRun> prepareRun(Project& project, Engine& engine, const RunConfig& config) {
    PreparedRun run;
    run.request.config = config;
    ATTUNE_CHECK(addRows(project, run.request));
    ATTUNE_CHECK(engine.check(config));
    RunRecord record;
    record.name = config.name;
    record.recipe = toYaml(config);
    record.state = "queued";
    record.model = config.model;
    record.datasetVersion = config.data.datasetVersion;
    ATTUNE_ASSIGN(run.id, project.runs().add(record));
    // A database restored from an older copy gives out ids again; what an earlier run left in its folder is not touched.
    std::string name = std::to_string(run.id);
    std::error_code ignored;
    for (int copy = 2; fs::exists(project.runsFolder() / name, ignored); ++copy)
        name = std::to_string(run.id) + "-" + std::to_string(copy);
    ATTUNE_CHECK(project.runs().setFolder(run.id, (project.runsFolder().filename() / name).string()));
    run.request.folder = (project.runsFolder() / name).string();
    return run;
}

Result<RunConfig> furtherRunConfig(Project& project, const Catalog& catalog, std::int64_t runId, double rateFactor) {
    ATTUNE_ASSIGN(const RunRecord record, project.runs().get(runId));
    ATTUNE_ASSIGN(RunConfig config, parseRunConfig(record.recipe, catalog, record.name));
    ATTUNE_ASSIGN(const std::vector<RunCheckpoint> checkpoints, project.runs().checkpoints(runId));
    const RunCheckpoint* best = nullptr;
    for (const RunCheckpoint& checkpoint : checkpoints)
        if (checkpoint.best && (!best || checkpoint.step > best->step))
            best = &checkpoint;
    if (!best)
        return fail(ErrorCode::NotFound, record.name + " has no checkpoint that was the best by validation", "Train it further, or start a new run.");
    config.start = (fs::path(record.folder) / "checkpoints" / fs::path(best->folder).filename()).string();
    config.name = record.name + ", from step " + std::to_string(best->step);
    char rate[32];
    std::snprintf(rate, sizeof rate, "%.2g", effectiveLearningRate(config) * rateFactor);
    config.training["learning_rate"] = std::strtod(rate, nullptr);
    return config;
}

Result<TrainRequest> prepareCheck(Project& project, Engine& engine, const RunConfig& config) {
    TrainRequest request;
    request.config = config;
    ATTUNE_CHECK(addRows(project, request));
    ATTUNE_CHECK(engine.check(config));
    return request;
}

Result<PreparedRun> prepareContinuation(Project& project, const Catalog& catalog, std::int64_t runId, bool takeBest) {
    PreparedRun run;
    run.id = runId;
    ATTUNE_ASSIGN(const RunRecord record, project.runs().get(runId));
    ATTUNE_ASSIGN(run.request.config, parseRunConfig(record.recipe, catalog, record.name));
    run.request.config.name = record.name;
    ATTUNE_CHECK(addRows(project, run.request));
    const fs::path folder(record.folder);
    run.request.folder = (folder.is_absolute() ? folder : project.folder() / folder).string();
    run.request.resume = true;
    run.request.takeBest = takeBest;
    return run;
}

} // namespace attune
