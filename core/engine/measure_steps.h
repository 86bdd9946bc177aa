// The check before a run: two real optimizer steps over its longest rows, for the memory and the time it will take. Nothing
// of it stays. Engine thread.
#pragma once

#include <stop_token>

#include "core/engine/train_loop.h"
#include "core/plan/estimate.h"
#include "core/run/step_measurement.h"
#include "core/run/train_request.h"

namespace attune {

/// See Engine::measureSteps.
Result<StepMeasurement> measureSteps(const TrainRequest& request, std::stop_token stop, const Emit& emit);

/// The samples with the most tokens (of equal ones the first), in the order of the data, before reference or mismatched rows
/// were added to it.
TokenDataset longestSamples(const TokenDataset& data, std::int64_t count);

/// What the figures of the whole run follow from.
struct MeasuredRun {
    const RunConfig& config;
    DataShape shape; // of all its rows
    const ModelConfig& model;
    const Computer& computer;
};
/// trainRun's end when it only measures: takes the steps and fills in `measured`.
Status measureLoop(TrainParts parts, const TrainSettings& settings, const MeasuredRun& run, std::stop_token stop, const Emit& emit,
                   StepMeasurement& measured);

} // namespace attune
