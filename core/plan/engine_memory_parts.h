// What the files of engine_memory.h share.
#pragma once

#include <cstdint>
#include <vector>

#include "core/plan/engine_memory.h"
#include "core/plan/param_check.h"

namespace attune {

inline constexpr std::int64_t kF32Bytes = 4;

inline bool trainsEverything(const RunConfig& config) {
    return config.method.id == "full";
}

// The blocks' linear weights lie in 4 bits and are unpacked one layer at a time: by the method, or as the model's files have them.
inline bool packsLinears(const ModelConfig& model, const RunConfig& config) {
    return config.method.id == "qlora" || model.packedWeights;
}

inline const Described* methodEntry(const RunConfig& config, const Catalog& catalog) {
    for (const MethodEntry& method : catalog.methods)
        if (method.description.id == config.method.id)
            return &method.description;
    return nullptr;
}

// Blocks that the method adds to the model; they alone are trained.
inline std::int64_t newBlocks(const RunConfig& config, const Catalog& catalog) {
    const Described* method = methodEntry(config, catalog);
    return method && findParam(method->params, "new_blocks") ? paramInt(config.method.params, method->params, "new_blocks") : 0;
}

// The model as it is trained: with the blocks that the method adds.
inline ModelConfig deepened(ModelConfig model, const RunConfig& config, const Catalog& catalog) {
    model.layers += newBlocks(config, catalog);
    return model;
}

inline std::int64_t numbersOf(const std::vector<TrainedTensor>& tensors) {
    std::int64_t numbers = 0;
    for (const TrainedTensor& tensor : tensors)
        numbers += tensor.count * tensor.rows * tensor.columns;
    return numbers;
}

} // namespace attune
