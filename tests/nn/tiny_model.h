// Small models with every trait the engine knows, batches of packed rows, and adapters, for the tests of core/nn.
#pragma once

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <ATen/ATen.h>

#include "core/base/rng.h"
#include "core/nn/training_pass.h"

namespace attune::test {

/// Ends the test program with the message of an unexpected error.
inline void require(const Status& status) {
    if (!status)
        throw std::runtime_error(status.error().message);
}

inline ModelConfig llamaShape(bool tied) {
    ModelConfig c;
    c.architecture = "LlamaForCausalLM";
    c.vocabularySize = 61, c.hiddenSize = 32, c.layers = 2, c.heads = 4, c.kvHeads = 2, c.headDim = 8;
    c.intermediateSize = 48, c.contextLength = 64, c.tiedHead = tied;
    return c;
}

inline ModelConfig gpt2Shape(bool tied) {
    ModelConfig c = llamaShape(tied);
    c.architecture = "GPT2LMHeadModel";
    c.kvHeads = 4, c.norm = NormKind::LayerNorm, c.activation = Activation::GeluTanh, c.gatedMlp = false;
    c.positions = PositionKind::Learned, c.qkvBias = c.attentionOutputBias = c.mlpBias = true;
    return c;
}

inline void fillNormal(at::Tensor tensor, Rng& rng, double deviation, double mean = 0) {
    at::Tensor host = at::empty(tensor.sizes(), at::kDouble);
    for (std::int64_t i = 0; i < host.numel(); ++i)
        host.data_ptr<double>()[i] = mean + deviation * rng.normal();
    tensor.copy_(host);
}

/// Weights large enough that no term of the network is negligible.
inline std::unique_ptr<CausalLm> makeModel(const ModelConfig& config, at::ScalarType type, std::uint64_t seed = 1) {
    auto model = CausalLm::create(config, {type, at::kCPU}).value();
    Rng rng(seed);
    for (auto& named : model->baseTensors()) {
        const bool norm = named.name.find("norm.weight") != std::string::npos;
        fillNormal(named.tensor, rng, norm ? 0.3 : 0.15, norm ? 1.0 : 0.0);
    }
    return model;
}

inline void addAdapters(CausalLm& model, std::int64_t rank, double scale, double dropout,
                        const std::vector<std::string>& only = {}, std::uint64_t seed = 2) {
    Rng rng(seed);
    for (Block& block : model.blocks)
        for (Linear* linear : block.linears())
            for (LinearPart& part : linear->parts) {
                bool wanted = only.empty();
                for (const std::string& name : only)
                    wanted |= part.name.ends_with(name);
                if (!wanted)
                    continue;
                part.lora = std::make_unique<LoraAdapter>();
                const at::TensorOptions options = at::TensorOptions().dtype(model.masterType());
                part.lora->a.name = part.name + ".lora_A.weight";
                part.lora->a.value = at::empty({rank, linear->inFeatures()}, options);
                part.lora->b.name = part.name + ".lora_B.weight";
                part.lora->b.value = at::empty({part.rows, rank}, options);
                part.lora->scale = scale;
                part.lora->dropout = dropout;
                fillNormal(part.lora->a.value, rng, 0.2);
                fillNormal(part.lora->b.value, rng, 0.2);
            }
    model.prepareAdapters();
    model.refreshComputeWeights();
}

inline PackedTokens makeBatch(const ModelConfig& config, const std::vector<std::int32_t>& lengths,
                              std::uint64_t seed = 3) {
    Rng rng(seed);
    PackedTokens batch;
    batch.rowStarts.push_back(0);
    const auto vocabulary = static_cast<std::uint64_t>(config.vocabularySize);
    for (const std::int32_t length : lengths) {
        for (std::int32_t t = 0; t < length; ++t) {
            batch.ids.push_back(static_cast<std::int64_t>(rng.below(vocabulary)));
            const bool counts = t + 1 < length && rng.below(4) != 0;
            batch.targets.push_back(counts ? static_cast<std::int64_t>(rng.below(vocabulary)) : -100);
        }
        batch.rowStarts.push_back(static_cast<std::int32_t>(batch.ids.size()));
    }
    return batch;
}

inline std::int64_t targetCount(const PackedTokens& batch) {
    return std::count_if(batch.targets.begin(), batch.targets.end(), [](std::int64_t id) { return id != -100; });
}

} // namespace attune::test
