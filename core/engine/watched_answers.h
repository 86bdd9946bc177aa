// Answers to a few fixed prompts that a run writes now and then, to see what the numbers mean. Engine thread.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "core/engine/model_loader.h"
#include "core/run/engine.h"

namespace attune {

struct WatchedPrompt {
    Prompt prompt;
    std::string shown, expected; // the last message; the answer of the data, where it is a good one
};

/// The prompts that the recipe names, else those of the first rows (of the validation data, or of the training data) that are within
/// `maxTokens` as the rows that are trained on are. Errors: those of the data.
Result<std::vector<WatchedPrompt>> watchedPrompts(const TrainRequest& request, const std::vector<std::string>& named,
                                                  const PromptFormat& format, std::size_t maxTokens);

/// Answers them with the model as it is and emits SampleGenerated; after a stop request nothing.
Status writeWatchedAnswers(const LoadedModel& loaded, const std::vector<WatchedPrompt>& watched, std::int64_t maxTokens, std::int64_t step,
                           std::stop_token stop, const Emit& emit);

} // namespace attune
