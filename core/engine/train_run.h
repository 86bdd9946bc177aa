// One training run from its recipe to its result folder: load, tokenise, attach the method, loop, write the result. Engine thread.
#pragma once

#include <stop_token>
#include <string>

#include "core/run/pause_token.h"
#include "core/run/step_measurement.h"
#include "core/run/train_request.h"

namespace attune {

/// See Engine::train. Writes recipe.yaml, checkpoints/ and then adapter/ (PEFT) or, for methods that change all weights, model/.
/// With `measured` it takes two steps over the longest rows instead, fills that in and writes no result; see measure_steps.h.
Status trainRun(const TrainRequest& request, std::stop_token stop, PauseToken& pause, const Emit& emit,
                StepMeasurement* measured = nullptr);

/// Files, tokenizer, shapes and values of a recipe, without reading a weight. See Engine::check.
Status checkRun(const RunConfig& config, const Catalog& catalog);

/// Where a tuned model comes from: for a run folder with model/ that folder and no adapter, otherwise `model` with `adapter`.
struct TunedModel {
    std::string model, adapter;
};
TunedModel resolveTuned(const std::string& model, const std::string& adapter);

/// Applies training.threads (0 = all cores) to this process. Returns the number in use.
int applyThreads(std::int64_t threads);

} // namespace attune
