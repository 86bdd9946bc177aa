// A BERT encoder (Devlin et al. 2019) for sentence embeddings, forward only: tokens see the whole text, norms follow the branches. Plain
// tensors in f32 or f64; immutable once filled, one caller at a time.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/base/result.h"
#include "core/model_files/encoder_config.h"

namespace attune {

struct EncoderLinear {
    at::Tensor weight, bias; // [out, in], [out]
};

struct EncoderNorm {
    at::Tensor weight, bias; // [H]
};

class Encoder {
public:
    struct Layer {
        EncoderLinear qkv, out, up, down; // qkv: query, key and value one below the other
        EncoderNorm attentionNorm, mlpNorm;
    };

    /// Allocates all weights, uninitialised. Errors: OutOfMemory.
    static Result<Encoder> create(const EncoderConfig& config, at::ScalarType type);

    const EncoderConfig& config() const { return m_config; }
    void setPooling(Pooling pooling) { m_config.pooling = pooling; }
    at::Tensor words, positions, types; // [V, H], [positions, H], [token types, H] or undefined
    EncoderNorm norm;
    std::vector<Layer> layers;

    /// The last layer's output for texts laid end to end, [T, H]. Errors: InvalidArgument (a text that is empty or too long, an id
    /// outside the vocabulary), OutOfMemory.
    Result<at::Tensor> hidden(const std::vector<std::vector<std::int64_t>>& texts) const;
    /// One vector for each text, [texts, H], pooled as the config says and of length 1.
    Result<at::Tensor> embed(const std::vector<std::vector<std::int64_t>>& texts) const;

private:
    Encoder() = default;
    at::Tensor attention(const at::Tensor& qkv, const std::vector<std::vector<std::int64_t>>& texts) const;
    EncoderConfig m_config;
};

} // namespace attune
