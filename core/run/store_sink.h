// Carries a run's events into the project's database. Called on the engine thread; the store queues its own writes.
#pragma once

#include "core/run/train_request.h"
#include "core/store/run_store.h"

namespace attune {

/// An Emit that records every event of run `runId` in `store`, which must outlive it. Text streams are not recorded.
Emit storeSink(RunStore& store, std::int64_t runId);

} // namespace attune
