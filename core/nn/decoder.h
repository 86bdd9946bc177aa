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
    /// (f64 in f64 models). Errors: InvalidArgument (empty prompt, id outside the vocabulary, prompt longer than the
    /// context), OutOfMemory.
    Result<at::Tensor> prefill(const std::vector<std::vector<std::int64_t>>& prompts);
    /// Appends one token to each live sequence; returns [live, V].
    Result<at::Tensor> step(const std::vector<std::int64_t>& tokens);
    /// Keeps only these sequences (indices into the current batch, ascending): finished ones leave.
    void keep(const std::vector<std::int64_t>& sequences);
    /// Tokens in each live sequence.
    std::vector<std::int64_t> lengths() const;

private:
    std::unique_ptr<Impl> m_impl;
};

} // namespace attune
