// The modules of a model that can be trained whole beside adapters: embeddings, norms and the output layer, by canonical name and size.
// Torch-free; the engine's tensors have the same names (core/nn/causal_lm_create.cpp).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/model_files/model_config.h"

namespace attune {

struct WholeModule {
    std::string name; // "model.layers.0.input_layernorm"; its tensors end in ".weight" and ".bias"
    std::int64_t rows = 1, columns = 0;
    std::int64_t bias = 0; // numbers of its bias, 0 = none
    bool norm() const { return rows == 1; }
};

/// In the order of the network. A head that is the embedding itself is not among them.
std::vector<WholeModule> wholeModules(const ModelConfig& model);

} // namespace attune
