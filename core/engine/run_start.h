// The checkpoint of another run whose weights a run begins with. Engine thread.
#pragma once

#include <optional>
#include <string>

#include "core/engine/checkpoint.h"
#include "core/run/train_request.h"

namespace attune {

struct RunStart {
    std::optional<Checkpoint> checkpoint; // nothing: the base model as it is, or gone since the run began, which then has its own
    std::string identity;                 // of its weights, "" = none; kept in the run's folder (start.json)
};
/// Errors: NotFound and InvalidData (request.start is no checkpoint, and the run has not begun yet).
Result<RunStart> readRunStart(const TrainRequest& request);

} // namespace attune
