// A recipe made to fit this computer's memory with as little change as possible: what costs nothing but time comes first,
// what changes what is learned last. Plain arithmetic over the estimates; any thread.
#pragma once

#include <string>
#include <vector>

#include "core/plan/estimate.h"

namespace attune {

struct FitChange {
    std::string field, before, after; // "training.activations", "auto", "recompute"
    std::string why;                  // one sentence: what it costs
};
struct FittedRecipe {
    RunConfig config;
    std::vector<FitChange> changes; // none: it fitted as it was, or nothing helps
    MemoryEstimate before, after;
    std::int64_t limit = 0; // bytes that may be used
    bool fits = false;
};

/// The batch is left alone: here memory does not grow with it. `measuredShare`: measured peak by the estimate for this recipe
/// (Engine::measureSteps), so that an estimate that was too low does not fit twice; at least 1 counts.
FittedRecipe fitRecipe(const ModelConfig& model, const RunConfig& config, const Catalog& catalog, const DataShape& data,
                       const Computer& computer, double measuredShare = 1);

} // namespace attune
