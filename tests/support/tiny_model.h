// A tiny random Llama-shaped model and rows for it, built in memory: 2 layers, hidden 32, 4 heads over 2 key/value heads.
#pragma once

#include <memory>

#include "core/base/rng.h"
#include "core/engine/token_dataset.h"
#include "core/nn/causal_lm.h"

namespace attune::test {

inline ModelConfig tinyConfig() {
    ModelConfig config;
    config.architecture = "LlamaForCausalLM";
    config.familyId = "llama";
    config.vocabularySize = 61;
    config.hiddenSize = 32;
    config.layers = 2;
    config.heads = 4;
    config.kvHeads = 2;
    config.headDim = 8;
    config.intermediateSize = 48;
    config.contextLength = 128;
    config.tiedHead = true;
    return config;
}

inline std::unique_ptr<CausalLm> tinyModel(at::ScalarType dtype, std::uint64_t seed = 3) {
    auto model = CausalLm::create(tinyConfig(), {dtype, at::kCPU});
    if (!model)
        return nullptr;
    (*model)->initializeRandom(seed);
    return std::move(*model);
}

/// Rows with a rule a model can learn: a random prefix, then the prefix again (trained).
inline TokenDataset copyRows(std::size_t count, std::uint64_t seed) {
    TokenDataset data;
    Rng rng(seed);
    for (std::size_t i = 0; i < count; ++i) {
        TokenDataset::Row row;
        const std::size_t half = 3 + rng.below(8);
        for (std::size_t t = 0; t < half; ++t)
            row.ids.push_back(static_cast<TokenId>(1 + rng.below(20)));
        for (std::size_t t = 0; t < half; ++t)
            row.ids.push_back(row.ids[t]);
        row.trained.assign(row.ids.size(), false);
        std::fill(row.trained.begin() + static_cast<std::ptrdiff_t>(half), row.trained.end(), true);
        row.targets = static_cast<std::int64_t>(half);
        row.source = i;
        data.tokens += static_cast<std::int64_t>(row.ids.size());
        data.targets += row.targets;
        data.longest = std::max(data.longest, static_cast<std::int64_t>(row.ids.size()));
        data.rows.push_back(std::move(row));
    }
    return data;
}

} // namespace attune::test
