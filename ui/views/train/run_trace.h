// A run's past, read from its folder's record (metrics.jsonl) or, where that is gone, from the store. Plain functions
// for tasks.
#pragma once

#include <vector>

#include "core/plan/run_config.h"
#include "core/run/doctor.h"
#include "core/store/run_store.h"
#include "ui/models/run_table_model.h"

namespace attune {

class Project;

struct RunTrace {
    RunRow row;
    RunConfig config; // empty when the recipe cannot be read any more
    bool configKnown = false;
    std::vector<TrainingEvent> events;
    Doctor doctor; // has seen the events: judging a long run takes too long for the window's thread
};
Result<RunTrace> readRunTrace(Project& project, qint64 runId, const Catalog& catalog);

} // namespace attune
