#include "core/plan/estimate.h"

#include <algorithm>

namespace attune {

std::int64_t microBatchTokens(const ModelConfig& model) {
    // Products are saturated at about 512 rows of a 576 wide model; narrower models need more rows for the same work per call.
    constexpr std::int64_t kRows = 512, kWidth = 576, kMost = 2048;
    const std::int64_t tokens = kRows * kWidth / std::max<std::int64_t>(model.hiddenSize, 1);
    return std::clamp(tokens / 64 * 64, kRows, kMost);
}

std::int64_t effectiveMicroBatchTokens(const ModelConfig& model, const RunConfig& config) {
    const std::int64_t wanted = paramInt(config.training, trainingParams().params, "micro_batch_tokens");
    return wanted > 0 ? wanted : microBatchTokens(model);
}

} // namespace attune
