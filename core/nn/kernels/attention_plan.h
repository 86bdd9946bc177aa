// How attention over packed rows is cut into blocks of queries and shared out to threads. Internal to core/nn/kernels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/nn/kernels/attention.h"

namespace attune::kernels {

/// A block of queries of one row and one key/value head.
struct AttentionBlock {
    std::int32_t segment;        // row * kvHeads + head
    std::int64_t prefix;         // keys of the first row that count as well
    std::int64_t rowBegin, head; // first token of the row; key/value head
    std::int64_t begin, end;     // queries, counted from the row's first token
    std::int64_t paddedEnd,
        keys; // the same and the number of keys (= end), rounded up so that few product shapes occur
};

/// A worker's share of one segment has its own dk, dv slot, so nothing is added across workers until the end, in a fixed
/// order.
struct AttentionShare {
    std::int32_t segment;
    std::int64_t slot, keys; // offset in rows of headDim; rows used
};

struct AttentionPlan {
    std::vector<AttentionBlock> blocks;   // blocks [workerBegin[w], workerBegin[w + 1]) belong to worker w
    std::vector<std::size_t> workerBegin; // [workers + 1]
    std::vector<AttentionShare> shares;   // ordered by segment, then worker
    std::vector<std::size_t> blockShare;  // [blocks]
    std::vector<std::size_t> segmentBegin; // [segments + 1], into shares
    std::int64_t slotRows = 0, mostQueries = 0, mostKeys = 0;

    /// Whether block i begins a share: its dk and dv overwrite the slot.
    bool beginsShare(std::size_t i) const { return i == 0 || blockShare[i] != blockShare[i - 1]; }
};

/// Keys are taken in stretches whose scores stay in the second-level cache. A multiple of every block size, so that each
/// row of a block has a key in the block's last stretch.
constexpr std::int64_t kAttentionStretch = 256;

/// The longest blocks of a segment come first: the first block of a share covers all its keys, so slots need no zeroing.
/// Slots and padded counts are multiples of `rounding` keys.
AttentionPlan planAttention(const AttentionLayout& layout, std::int64_t workers, std::int64_t rounding);

inline std::int64_t roundUp(std::int64_t value, std::int64_t step) {
    return (value + step - 1) / step * step;
}

} // namespace attune::kernels
