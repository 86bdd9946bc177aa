// The keys and values of one sequence, kept from token to token. Internal to the decoder.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include <ATen/ATen.h>

#include "core/nn/rope.h"

namespace attune {

/// Cosines and sines up to the longest position asked for so far; Real as the model's arithmetic.
template <class Real>
struct RopeTable {
    RopeFrequencies frequencies;
    std::vector<Real> cosines, sines; // [positions, headDim / 2]
    std::int64_t positions = 0;

    void reach(std::int64_t count) {
        if (count <= positions)
            return;
        count = std::max(count, positions * 2);
        appendRopeTable(frequencies, positions, count - positions, cosines, sines);
        positions = count;
    }
};

template <class Real>
struct KvCache {
    std::vector<std::int64_t> ids;        // every token of the sequence
    std::vector<at::Tensor> keys, values; // per layer [kvHeads, capacity, headDim]; keys are rotated
    std::int64_t capacity = 0;
    std::shared_ptr<RopeTable<Real>> rope;      // null for learned positions
    std::shared_ptr<RopeTable<Real>> localRope; // of layers with a base of their own; usually null

    std::int64_t length() const { return static_cast<std::int64_t>(ids.size()); }
    /// Forgets the tokens after the first `length`; their keys and values are overwritten later.
    void shorten(std::int64_t length) { ids.resize(static_cast<std::size_t>(length)); }
    /// Room for `length` positions (at most `mostLength` unless `length` is more); the first `used` survive.
    void reserve(std::int64_t length, std::int64_t used, std::int64_t mostLength, const ModelConfig& config,
                 at::ScalarType type) {
        if (length <= capacity)
            return;
        constexpr std::int64_t kFirstCapacity = 64; // doubled when full
        std::int64_t larger = std::max(kFirstCapacity, capacity);
        while (larger < length)
            larger *= 2;
        larger = std::min(larger, std::max(length, mostLength));
        // One piece of memory for all layers: long enough for huge pages, and few system calls.
        const at::Tensor grown = at::empty({2 * config.layers, config.kvHeads, larger, config.headDim}, at::TensorOptions().dtype(type));
        keys.resize(static_cast<std::size_t>(config.layers));
        values.resize(static_cast<std::size_t>(config.layers));
        for (std::int64_t layer = 0; layer < config.layers; ++layer)
            for (const auto& [caches, index] : {std::pair(&keys, 2 * layer), std::pair(&values, 2 * layer + 1)}) {
                at::Tensor& cache = (*caches)[static_cast<std::size_t>(layer)];
                const at::Tensor place = grown[index];
                if (cache.defined() && used > 0)
                    place.narrow(1, 0, used).copy_(cache.narrow(1, 0, used));
                cache = place;
            }
        capacity = larger;
    }
};

} // namespace attune
