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

/// Pairs: after a random prompt the better answer repeats it, the worse one is its first token over and over. `label` data:
/// one row per sample, good answers repeat, bad ones do not.
inline TokenDataset preferenceRows(std::size_t count, std::uint64_t seed, bool pairs) {
    TokenDataset data;
    data.rowsPerSample = pairs ? 2 : 1;
    Rng rng(seed);
    const auto add = [&](const std::vector<TokenId>& prompt, bool good, std::size_t source) {
        TokenDataset::Row row;
        row.ids = prompt;
        for (std::size_t t = 0; t < prompt.size() + (good ? 0 : 1); ++t)
            row.ids.push_back(good ? prompt[t] : prompt[0]);
        row.trained.assign(row.ids.size(), false);
        std::fill(row.trained.begin() + static_cast<std::ptrdiff_t>(prompt.size()), row.trained.end(), true);
        row.targets = static_cast<std::int64_t>(row.ids.size() - prompt.size());
        row.source = source;
        row.desirable = good || pairs;
        data.tokens += static_cast<std::int64_t>(row.ids.size());
        data.targets += row.targets;
        data.rows.push_back(std::move(row));
    };
    for (std::size_t i = 0; i < count; ++i) {
        std::vector<TokenId> prompt;
        for (std::size_t t = 0, length = 3 + rng.below(8); t < length; ++t)
            prompt.push_back(static_cast<TokenId>(1 + rng.below(20)));
        if (prompt[1] == prompt[0])
            prompt[1] = static_cast<TokenId>(1 + prompt[0] % 20);
        if (pairs)
            add(prompt, true, i), add(prompt, false, i);
        else
            add(prompt, i % 2 == 0, i);
        const auto last = data.rows.size() - 1;
        data.longest = std::max(data.longest, static_cast<std::int64_t>(data.rows[last].ids.size() + (pairs ? data.rows[last - 1].ids.size() : 0)));
    }
    return data;
}

} // namespace attune::test
