// What a run does to everything else the model could do: log-loss and token accuracy on a fixed part of the general data, measured
// before the first step and with every validation. That part is never trained on. Engine thread.
#pragma once

#include <optional>
#include <stop_token>

#include "core/engine/token_dataset.h"
#include "core/nn/training_pass.h"

namespace attune {

/// General data in two parts that share no row: one to measure on, the other to mix in or to measure weights with.
struct GeneralRows {
    TokenDataset probe, rest;
};
/// Every fifth row by its content (whatever stands before it), up to kProbeTokens tokens, is the probe. Equal rows go the same way. With
/// a single row that row is the probe.
GeneralRows splitGeneral(TokenDataset data);
constexpr std::int64_t kProbeTokens = 16'384;

struct ProbeResult {
    double loss = 0;     // mean over the target tokens, nats
    double accuracy = 0; // share of target tokens that are the model's first choice
    std::int64_t targets = 0;
};
/// Nothing after a stop request. Errors: as TrainingPass::forward.
Result<std::optional<ProbeResult>> measureGeneral(TrainingPass& pass, const TokenDataset& probe, std::int64_t microBatchTokens,
                                                  const std::stop_token& stop);

} // namespace attune
