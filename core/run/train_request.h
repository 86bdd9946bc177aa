// What the engine needs to train: the recipe, its rows and its folder. Values; any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/data/sample_source.h"
#include "core/plan/run_config.h"
#include "core/run/training_event.h"

namespace attune {

using Emit = std::function<void(TrainingEvent)>;

struct TrainRequest {
    RunConfig config;
    std::string folder; // the run's own folder (created); recipe.yaml, metrics.jsonl, checkpoints/, adapter/ are written there
    std::shared_ptr<const SampleSource> train;
    std::shared_ptr<const SampleSource> validation; // may be null or empty
    std::shared_ptr<const SampleSource> general; // texts and conversations from outside the task; may be null
    std::string replayMemory; // file of the project's rows of earlier runs (core/data/replay_memory.h)
    bool resume = false; // continue from the last valid checkpoint in `folder`
    bool takeBest = false; // with resume: trains no more, makes the best checkpoint so far the run's result, and has finished
    std::string start; // config.start as an absolute path: the checkpoint whose weights a new run begins with; "" = the base model
    std::int64_t stopAfterStep = 0; // stop there as a stop request would, its measuring included; 0 = no. Not part of the recipe
    std::string tokenCache; // folder in which token rows are kept between runs; empty = they are not kept
};

} // namespace attune
