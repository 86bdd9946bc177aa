// Inference with a KV cache for several sequences at once: its own path, no training buffers. Adapters are applied when
// enabled. Engine thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/nn/causal_lm.h"

namespace attune {

/// What weights are read in: as the model holds them, or from a copy in 8 bits (made by the constructor; f64 models have
/// none and stay as they are).
enum class DecodePrecision { AsStored, EightBit };

class Decoder {
public:
    struct Impl; // one per precision, in decoder.cpp
    /// The model must outlive the decoder and not change while it is used.
    explicit Decoder(CausalLm& model, DecodePrecision precision = DecodePrecision::AsStored);
    ~Decoder();

    /// Starts a new batch: one cache per prompt. Returns the logits after each prompt's last token, [prompts, V] f32
    /// (f64 in f64 models). The caches get room for so many new tokens at once; more are possible. Errors: InvalidArgument
    /// (empty prompt, id outside the vocabulary, prompt longer than the context), OutOfMemory.
    Result<at::Tensor> prefill(const std::vector<std::vector<std::int64_t>>& prompts, std::int64_t newTokens = 0);
    /// Appends one token to each live sequence; returns [live, V].
    Result<at::Tensor> step(const std::vector<std::int64_t>& tokens);
    /// Appends one or more tokens to each live sequence; returns the logits after each of them, [all tokens, V], as that
    /// many calls of step would (to the last bit where mostTokensAtOnce allows them).
    Result<at::Tensor> steps(const std::vector<std::vector<std::int64_t>>& tokens);
    /// How many tokens of all live sequences together cost little more than one of each; with as many live sequences as
    /// tokens or more, steps has no advantage.
    std::int64_t mostTokensAtOnce() const;
    /// Takes tokens back: sequence i keeps its first lengths[i].
    void shorten(const std::vector<std::int64_t>& lengths);
    /// Keeps only these sequences (indices into the current batch, ascending): finished ones leave.
    void keep(const std::vector<std::int64_t>& sequences);
    /// Tokens in each live sequence.
    std::vector<std::int64_t> lengths() const;

private:
    std::unique_ptr<Impl> m_impl;
};

} // namespace attune
