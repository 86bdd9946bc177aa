// What a recipe trains beside low-rank adapters: modules whole (modules_to_save) and single rows of the embedding (trainable_token_indices).
// Counts without libtorch, for core/plan/engine_memory.h.
#pragma once

#include <cstdint>
#include <vector>

#include "core/plan/engine_memory.h"

namespace attune {

struct TrainedBeside {
    std::vector<TrainedTensor> tensors;
    std::int64_t inComputeType = 0; // numbers of theirs whose weights have the compute type, unlike norms: masters lie beside them
    std::int64_t tokenRows = 0;     // of the embedding, counted among the tensors as one
    std::int64_t indexBytes = 0;    // that tell which rows
    bool embedding = false, head = false; // trained whole
    bool changesBase = false;       // with adapters off the model is no longer the base
};
/// Empty for methods without these settings, and for settings that do not suit the model.
TrainedBeside trainedBeside(const ModelConfig& model, const RunConfig& config, const Catalog& catalog);

} // namespace attune
