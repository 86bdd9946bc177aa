// Records a run in the project and gathers what the engine needs to train it, or to go on with it. Plain functions for
// tasks: they read and write the store and start nothing.
#pragma once

#include "core/run/train_request.h"

namespace attune {

class Engine;
class Project;

struct PreparedRun {
    std::int64_t id = 0;
    TrainRequest request;
};
/// A new run: recipe checked by the engine, recorded, its folder named. Errors: what the engine's check, the versions
/// and the store say.
Result<PreparedRun> prepareRun(Project& project, Engine& engine, const RunConfig& config);
/// A recipe that begins with the best checkpoint of a run, with its learning rate times `rateFactor`; everything else as it was.
/// Errors: NotFound (no such run, or no checkpoint that was the best), InvalidData (its recipe cannot be read any more).
Result<RunConfig> furtherRunConfig(Project& project, const Catalog& catalog, std::int64_t runId, double rateFactor);
/// What the engine needs to check the run (Engine::measureSteps); nothing is recorded. Errors: as prepareRun.
Result<TrainRequest> prepareCheck(Project& project, Engine& engine, const RunConfig& config);
/// The same run from its last checkpoint; with takeBest only to make its best checkpoint the result. Errors: InvalidData when
/// its recipe cannot be read any more; NotFound.
Result<PreparedRun> prepareContinuation(Project& project, const Catalog& catalog, std::int64_t runId, bool takeBest = false);

} // namespace attune
