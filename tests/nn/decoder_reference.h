// Small random models for the tests of decoding, and their forward without any cache, written with plain ATen operations.
#pragma once

#include <cmath>

#include <ATen/ATen.h>

#include "core/base/rng.h"
#include "core/nn/causal_lm.h"
#include "core/nn/rope.h"

namespace attune::test {

inline ModelConfig decoderShape() {
    ModelConfig config;
    config.vocabularySize = 67;
    config.hiddenSize = 32;
    config.layers = 2;
    config.heads = 4;
    config.kvHeads = 2;
    config.headDim = 8;
    config.intermediateSize = 48;
    config.contextLength = 700;
    return config;
}

inline std::unique_ptr<CausalLm> decoderModel(const ModelConfig& config, at::ScalarType type, double lora = 0) {
    auto model = CausalLm::create(config, {type, at::kCPU});
    if (!model)
        qFatal("%s", model.error().message.c_str());
    (*model)->initializeRandom(3);
    // Larger than at the start of training, so that attention and activations are far from linear.
    for (auto& named : (*model)->baseTensors())
        if (named.tensor.dim() == 2)
            named.tensor.mul_(8);
        else if (named.name.ends_with("bias"))
            named.tensor.copy_(at::linspace(-0.3, 0.3, named.tensor.size(0), at::kDouble));
    if (lora > 0) {
        std::int64_t rank = 1;
        for (Block& block : (*model)->blocks)
            for (Linear* linear : block.linears())
                for (LinearPart& part : linear->parts) {
                    rank = rank % 3 + 1;
                    part.lora = std::make_unique<LoraAdapter>();
                    const auto fill = [&](std::int64_t rows, std::int64_t columns) {
                        return (at::arange(rows * columns, at::kDouble) * 0.7)
                            .sin()
                            .view({rows, columns})
                            .mul(lora)
                            .to((*model)->masterType());
                    };
                    part.lora->a.value = fill(rank, linear->inFeatures());
                    part.lora->b.value = fill(part.rows, rank);
                    part.lora->scale = 1.5;
                }
        (*model)->prepareAdapters();
        (*model)->refreshComputeWeights();
    }
    return std::move(*model);
}

inline at::Tensor referenceNorm(const at::Tensor& x, const Norm& norm, const ModelConfig& config) {
    if (config.norm == NormKind::LayerNorm)
        return at::layer_norm(x, {config.hiddenSize}, norm.weight.compute, norm.bias.compute, config.normEpsilon);
    return x * (x.pow(2).mean(-1, true) + config.normEpsilon).rsqrt() * norm.weight.compute;
}

inline at::Tensor referenceLinear(const at::Tensor& x, const Linear& linear, bool adapters) {
    at::Tensor y = at::matmul(x, linear.weight.compute.t());
    if (linear.bias.defined())
        y = y + linear.bias.compute;
    std::vector<at::Tensor> columns;
    for (const LinearPart& part : linear.parts) {
        at::Tensor piece = y.narrow(1, part.begin, part.rows);
        if (part.lora && adapters)
            piece =
                piece + at::matmul(at::matmul(x, part.lora->a.value.t()), part.lora->b.value.t()) * part.lora->scale;
        columns.push_back(piece);
    }
    return at::cat(columns, 1);
}

inline at::Tensor rotateHalves(const at::Tensor& x, const RopeFrequencies& frequencies) { // [n, heads, d]
    const std::int64_t n = x.size(0), half = x.size(2) / 2;
    const at::Tensor angles =
        at::outer(at::arange(n, at::kDouble), at::tensor(at::ArrayRef<double>(frequencies.inverse)));
    const at::Tensor cosines = (angles.cos() * frequencies.attentionScale).unsqueeze(1),
                     sines = (angles.sin() * frequencies.attentionScale).unsqueeze(1);
    const at::Tensor a = x.narrow(2, 0, half), b = x.narrow(2, half, half);
    return at::cat({a * cosines - b * sines, b * cosines + a * sines}, 2);
}

// Logits after the last token, the whole text at once.
inline at::Tensor wholeForward(const CausalLm& model, std::vector<std::int64_t> ids) {
    const ModelConfig& config = model.config();
    const auto n = static_cast<std::int64_t>(ids.size());
    const bool adapters = model.adaptersEnabled();
    at::Tensor x = model.embedding.compute.index_select(0, at::from_blob(ids.data(), {n}, at::kLong));
    if (config.positions == PositionKind::Learned)
        x = x + model.positions.compute.narrow(0, 0, n);
    for (const Block& block : model.blocks) {
        const at::Tensor qkv = referenceLinear(referenceNorm(x, block.attentionNorm, config), block.qkv, adapters);
        at::Tensor q = qkv.narrow(1, 0, config.queryWidth()).reshape({n, config.heads, config.headDim});
        at::Tensor k =
            qkv.narrow(1, config.queryWidth(), config.kvWidth()).reshape({n, config.kvHeads, config.headDim});
        at::Tensor v = qkv.narrow(1, config.queryWidth() + config.kvWidth(), config.kvWidth())
                           .reshape({n, config.kvHeads, config.headDim});
        if (config.positions == PositionKind::Rope) {
            const RopeFrequencies frequencies = ropeFrequencies(config, n);
            q = rotateHalves(q, frequencies), k = rotateHalves(k, frequencies);
        }
        const std::int64_t group = config.heads / config.kvHeads;
        k = k.repeat_interleave(group, 1), v = v.repeat_interleave(group, 1);
        at::Tensor scores =
            at::matmul(q.transpose(0, 1), k.permute({1, 2, 0})) / std::sqrt(static_cast<double>(config.headDim));
        scores = scores.masked_fill(at::ones({n, n}, at::kBool).triu(1), -INFINITY);
        const at::Tensor mixed =
            at::matmul(at::softmax(scores, -1), v.transpose(0, 1)).transpose(0, 1).reshape({n, config.queryWidth()});
        x = x + referenceLinear(mixed, block.attentionOut, adapters);
        const at::Tensor gateUp = referenceLinear(referenceNorm(x, block.mlpNorm, config), block.gateUp, adapters);
        const auto act = [&](const at::Tensor& t) {
            if (config.activation == Activation::Silu)
                return t * at::sigmoid(t);
            if (config.activation == Activation::GeluTanh)
                return 0.5 * t * (1 + (std::sqrt(2 / M_PI) * (t + 0.044715 * t.pow(3))).tanh());
            return config.activation == Activation::Relu ? at::relu(t) : 0.5 * t * (1 + at::erf(t / std::sqrt(2.0)));
        };
        const std::int64_t width = config.intermediateSize;
        const at::Tensor hidden =
            config.gatedMlp ? act(gateUp.narrow(1, 0, width)) * gateUp.narrow(1, width, width) : act(gateUp);
        x = x + referenceLinear(hidden, block.down, adapters);
    }
    return at::matmul(referenceNorm(x, model.finalNorm, config).narrow(0, n - 1, 1), model.head.compute.t());
}

inline std::vector<std::int64_t> someIds(std::size_t count, std::uint64_t seed) {
    Rng rng(seed);
    std::vector<std::int64_t> ids;
    while (ids.size() < count)
        ids.push_back(static_cast<std::int64_t>(rng.below(67)));
    return ids;
}

inline double difference(const at::Tensor& a, const at::Tensor& b) {
    return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

} // namespace attune::test
