// The health of one dataset: counts tokens that are not counted yet with the project's tokenizer, then looks for what
// is empty, there twice, on both sides of the split, or spells control tokens. Runs on a background thread; changes
// nothing but the token counts.
#pragma once

#include <memory>

#include "core/base/progress.h"
#include "core/base/result.h"
#include "core/data/quality.h"
#include "core/store/dataset_store.h"
#include "core/text/prompt_format.h"

namespace attune {

class Project;

struct HealthReport {
    QualityReport quality;          // its lists hold RowIds, at most QualityReport::kListed each
    DatasetStatistics statistics;   // after counting
    std::int64_t tooLong = 0;       // rows with more tokens than contextLength
    std::int64_t contextLength = 0; // 0 = not known
};

/// What counts as a control token: the model's own, or without a model those in wide use.
ControlTokens controlTokensOf(const PromptFormat* format);

/// `format` may be null: then nothing is counted, and the usual control tokens are looked for. Errors: Cancelled, or what the store says.
Result<HealthReport> checkHealth(Project& project, std::int64_t datasetId, std::shared_ptr<const PromptFormat> format,
                                 std::int64_t contextLength, const Progress& progress);

} // namespace attune
