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
/// learned positions). Ids of up to `promptTokens` virtual tokens are allowed.
Status checkBatch(const PackedTokens& batch, const ModelConfig& config, std::int64_t promptTokens = 0);

struct PassBatch {
    std::int64_t tokens = 0, count = 0; // rounded up to kRowRound; real ones
    kernels::AttentionLayout layout, localLayout; // localLayout: with the sliding window
    kernels::Rotation rotation, localRotation; // localRotation only where local layers have a base of their own
    at::Tensor ids, positionIds;    // [count] int64; positionIds with learned positions only
    at::Tensor targetRows, targets; // [N] int64: where a target stands, and which
    at::Tensor virtualRows, virtualIndices; // [M] int64: where a virtual token stands, and which; their ids are 0 here

    /// `batch` has passed checkBatch.
    void take(const PackedTokens& batch, const ModelConfig& config, at::ScalarType master, at::Device device);

private:
    // Kept while the frequencies are the same for all rows.
    template <class Real>
    struct Table {
        std::vector<Real> cosines, sines;
    };
    template <class Real>
    kernels::Rotation buildRotation(const ModelConfig& config, bool local, at::Device device, Table<Real>& table) const;
    template <class Real>
    void buildRotations(const ModelConfig& config, at::Device device, Table<Real> (&tables)[2]);
    Table<float> m_tablesF[2]; // of all layers, of local ones
    Table<double> m_tablesD[2];
};

} // namespace attune
