#include "core/nn/encoder.h"

#include <cmath>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace attune {

namespace {

using Texts = std::vector<std::vector<std::int64_t>>;

at::Tensor activated(const at::Tensor& x, Activation activation) {
    switch (activation) {
    case Activation::GeluErf:
        return at::gelu(x);
    case Activation::GeluTanh:
        return at::gelu(x, "tanh");
    case Activation::Relu:
        return at::relu(x);
    case Activation::Silu:
        return at::silu(x);
    }
    return x;
}

at::Tensor applied(const EncoderLinear& layer, const at::Tensor& x) {
    return at::addmm(layer.bias, x, layer.weight.t());
}

at::Tensor normed(const EncoderNorm& norm, const at::Tensor& x, double epsilon) {
    return at::layer_norm(x, {x.size(-1)}, norm.weight, norm.bias, epsilon);
}

Status checkTexts(const Texts& texts, const EncoderConfig& config) {
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const std::string which = "Text " + std::to_string(i + 1);
        if (texts[i].empty())
            return fail(ErrorCode::InvalidArgument, which + " has no tokens", "Leave empty texts out.");
        if (static_cast<std::int64_t>(texts[i].size()) > config.positions - config.positionOffset)
            return fail(ErrorCode::InvalidArgument,
                        which + " has " + std::to_string(texts[i].size()) + " tokens, the model reads at most " +
                            std::to_string(config.positions - config.positionOffset),
                        "Cut it into shorter pieces.");
        for (const std::int64_t id : texts[i])
            if (id < 0 || id >= config.vocabularySize)
                return fail(ErrorCode::InvalidArgument,
                            which + " holds the token id " + std::to_string(id) + ", the vocabulary has " + std::to_string(config.vocabularySize),
                            "The tokenizer and the model do not belong together.");
    }
    return {};
}

template <class F>
auto withoutExceptions(F&& f) -> decltype(f()) {
    try {
        const at::NoGradGuard noGrad;
        return f();
    } catch (const std::exception& exception) {
        return fail(ErrorCode::OutOfMemory, std::string("The texts could not be embedded: ") + exception.what(), "Embed fewer or shorter texts at once.");
    }
}

} // namespace

Result<Encoder> Encoder::create(const EncoderConfig& config, at::ScalarType type) {
    return withoutExceptions([&]() -> Result<Encoder> {
        Encoder encoder;
        encoder.m_config = config;
        const auto matrix = [&](std::int64_t rows, std::int64_t columns) { return at::empty({rows, columns}, type); };
        const auto linear = [&](std::int64_t out, std::int64_t in) { return EncoderLinear{matrix(out, in), at::empty({out}, type)}; };
        const std::int64_t hidden = config.hiddenSize;
        const auto newNorm = [&] { return EncoderNorm{at::empty({hidden}, type), at::empty({hidden}, type)}; };
        encoder.words = matrix(config.vocabularySize, hidden);
        encoder.positions = matrix(config.positions, hidden);
        if (config.tokenTypes > 0)
            encoder.types = matrix(config.tokenTypes, hidden);
        encoder.norm = newNorm();
        for (std::int64_t i = 0; i < config.layers; ++i)
            encoder.layers.push_back({linear(3 * hidden, hidden), linear(hidden, hidden), linear(config.intermediateSize, hidden),
                                      linear(hidden, config.intermediateSize), newNorm(), newNorm()});
        return encoder;
    });
}

// Text by text: softmax(q k^T / sqrt(d)) v of each head, every token sees all others.
at::Tensor Encoder::attention(const at::Tensor& qkv, const Texts& texts) const {
    const std::int64_t hidden = m_config.hiddenSize, d = m_config.headDim();
    at::Tensor mixed = at::empty({qkv.size(0), hidden}, qkv.options());
    std::int64_t begin = 0;
    for (const auto& text : texts) {
        const auto count = static_cast<std::int64_t>(text.size());
        const auto heads = [&](std::int64_t part) { // [heads, tokens, d]
            return qkv.narrow(0, begin, count).narrow(1, part * hidden, hidden).view({count, m_config.heads, d}).transpose(0, 1);
        };
        const at::Tensor scores = at::bmm(heads(0), heads(1).transpose(1, 2)).mul_(1.0 / std::sqrt(static_cast<double>(d)));
        mixed.narrow(0, begin, count).view({count, m_config.heads, d}).copy_(at::bmm(at::softmax(scores, -1), heads(2)).transpose(0, 1));
        begin += count;
    }
    return mixed;
}

Result<at::Tensor> Encoder::hidden(const Texts& texts) const {
    ATTUNE_CHECK(checkTexts(texts, m_config));
    return withoutExceptions([&]() -> Result<at::Tensor> {
        std::vector<std::int64_t> ids, places;
        for (const auto& text : texts)
            for (std::size_t t = 0; t < text.size(); ++t) {
                ids.push_back(text[t]);
                places.push_back(m_config.positionOffset + static_cast<std::int64_t>(t));
            }
        at::Tensor x = words.index_select(0, at::tensor(at::ArrayRef<std::int64_t>(ids), at::kLong));
        x.add_(positions.index_select(0, at::tensor(at::ArrayRef<std::int64_t>(places), at::kLong)));
        if (types.defined())
            x.add_(types[0]);
        x = normed(norm, x, m_config.normEpsilon);
        for (const Layer& layer : layers) {
            const at::Tensor mixed = applied(layer.out, attention(applied(layer.qkv, x), texts));
            x = normed(layer.attentionNorm, x + mixed, m_config.normEpsilon);
            x = normed(layer.mlpNorm, x + applied(layer.down, activated(applied(layer.up, x), m_config.activation)), m_config.normEpsilon);
        }
        return x;
    });
}

Result<at::Tensor> Encoder::embed(const Texts& texts) const {
    ATTUNE_ASSIGN(const at::Tensor tokens, hidden(texts));
    return withoutExceptions([&]() -> Result<at::Tensor> {
        at::Tensor vectors = at::empty({static_cast<std::int64_t>(texts.size()), m_config.hiddenSize}, tokens.options());
        std::int64_t begin = 0;
        for (std::size_t i = 0; i < texts.size(); ++i) {
            const at::Tensor own = tokens.narrow(0, begin, static_cast<std::int64_t>(texts[i].size()));
            vectors[static_cast<std::int64_t>(i)].copy_(m_config.pooling == Pooling::First ? own[0]
                                                        : m_config.pooling == Pooling::Max ? own.amax(0)
                                                                                           : own.mean(0));
            begin += own.size(0);
        }
        return vectors.div_(vectors.norm(2, 1, true).clamp_min_(1e-12));
    });
}

} // namespace attune
