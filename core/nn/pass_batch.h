// A micro-batch as the training pass wants it: rows checked, rounded up and on the device, with positions, rotation
// tables and the positions that have a target. Engine thread.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

#include "core/nn/kernels/attention.h"
#include "core/nn/kernels/ops.h"
#include "core/nn/training_pass.h"

namespace attune {

constexpr std::int64_t kRowRound = 32; // products see few different sizes: each new one has to be compiled

inline std::int64_t roundUp(std::int64_t value, std::int64_t step) {
    return (value + step - 1) / step * step;
}

/// Errors: InvalidArgument (empty, rows that do not tile the tokens, ids outside the vocabulary, a row longer than the
/// learned positions).
Status checkBatch(const PackedTokens& batch, const ModelConfig& config);

struct PassBatch {
    std::int64_t tokens = 0, count = 0; // rounded up to kRowRound; real ones
    kernels::AttentionLayout layout;
    kernels::Rotation rotation;
    at::Tensor ids, positionIds;    // [count] int64; positionIds with learned positions only
    at::Tensor targetRows, targets; // [N] int64: where a target stands, and which

    /// `batch` has passed checkBatch.
    void take(const PackedTokens& batch, const ModelConfig& config, at::ScalarType master, at::Device device);

private:
    template <class Real>
    void buildRotation(const ModelConfig& config, at::ScalarType master, at::Device device, std::vector<Real>& cosines,
                       std::vector<Real>& sines);
    // Tables of rotation, kept while the frequencies are the same for all rows.
    std::vector<float> m_cosinesF, m_sinesF;
    std::vector<double> m_cosinesD, m_sinesD;
};

} // namespace attune
