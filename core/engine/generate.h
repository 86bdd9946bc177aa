// Answers to many prompts at once: prompts become ids, batches are chosen by memory, finished texts leave their batch,
// pieces are emitted while they come. Engine thread.
#pragma once

#include <stop_token>
#include <vector>

#include "core/engine/model_loader.h"
#include "core/run/generate_request.h"
#include "core/run/train_request.h"

namespace attune {

/// What a prompt is for the model: messages through its chat format, raw text with the added special tokens, or ids as
/// they are. Errors: InvalidArgument (empty), and those of tokenizer and template.
Result<std::vector<std::int64_t>> promptIds(const LoadedModel& model, const Prompt& prompt);

struct GenerateOptions {
    Sampling sampling;
    int pane = 0;
    std::int64_t cacheBytes = std::int64_t{1} << 30; // what the caches of one batch may take
    bool eightBit = false;                           // decode with weights in 8 bits
    bool speculate = true; // guessed tokens (ngram_draft.h) for up to four texts at once; never changes an answer
};

/// In the order of the prompts. tokens include the stop id when one ended the text; text does not. finish: "stop",
/// "length" (max tokens or context) or "cancelled" (then the texts so far are returned). A prompt's answer is the same
/// alone and in any company, in bf16 up to rounding (sums are taken in another order). Errors: InvalidArgument (prompt empty or longer than the context, an impossible setting),
/// Numerical, OutOfMemory.
Result<std::vector<GeneratedText>> generateTexts(const LoadedModel& model,
                                                 const std::vector<std::vector<std::int64_t>>& prompts,
                                                 const GenerateOptions& options, std::stop_token stop,
                                                 const Emit& emit);

/// The whole request on a loaded model (its model, adapter and precision were used for loading).
Result<std::vector<GeneratedText>> generateTexts(const LoadedModel& model, const GenerateRequest& request,
                                                 std::stop_token stop, const Emit& emit);

} // namespace attune
