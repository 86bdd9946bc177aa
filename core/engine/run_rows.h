// The rows of a run: which samples its objective takes, as tokens, with what there is to say about them, and what they are compared with.
// Engine thread.
#pragma once

#include <string>

#include "core/base/progress.h"
#include "core/engine/general_probe.h"
#include "core/engine/prompt_rows.h"
#include "core/engine/token_cache.h"
#include "core/engine/train_loop.h"
#include "core/plan/estimate.h"
#include "core/run/engine.h"

namespace attune {

/// How a run's samples become tokens. Errors: InvalidArgument (a trained prompt of `promptTokens` fills the context).
Result<TokenizeOptions> tokenizeOptionsOf(const RunConfig& config, const Objective& objective, const ModelConfig& model,
                                          std::int64_t promptTokens, int threads);
DataShape shapeOf(const TokenDataset& data);

/// A data set (`which`: "training") as tokens, out of the cache where they are in it; emits what the user should know of it. Errors: those of
/// tokenizeCached, in the words of this objective.
Result<TokenDataset> tokenRowsOf(const SampleSource& source, const char* which, const TrainRequest& request, const Objective& objective,
                                 const PromptFormat& format, const TokenizeOptions& options, const Progress& progress, const Emit& emit);
/// For objectives that learn from rewards: prompts that leave room for the longest answer.
Result<PromptRows> promptRowsOf(const SampleSource& source, const char* which, const Objective& objective, const PromptFormat& format,
                                std::size_t maxLength, const Progress& progress, const Emit& emit);
/// The general data: of conversations the answers count, of texts everything.
Result<GeneralRows> generalRows(const TrainRequest& request, const PromptFormat& format, TokenizeOptions options, const Progress& progress,
                                const Emit& emit);

/// Warns when good and bad answers do not count alike.
void adviseOnLabels(const TokenDataset& data, const Objective& objective, const Emit& emit);
/// Mismatched rows and the reference model's log-probabilities, where the objective needs them. `validation` may be null.
Status prepareComparisons(TokenDataset& train, TokenDataset* validation, const ObjectiveNeeds& needs, const TrainSettings& settings,
                          std::size_t maxLength, CausalLm& model, const fs::path& folder, const std::string& identity, const Progress& progress);

} // namespace attune
