// Attention of new tokens over the caches of their sequences, shared by a team: few sequences in pieces of keys, so that
// long texts are spread over threads evenly. Internal to the decoder. T: what caches are stored in; Real: sums.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/nn/decode_products.h"
#include "core/nn/kv_cache.h"

namespace attune {

template <class T, class Real>
class DecodeAttention {
public:
    static constexpr std::int64_t kDotRows = 4; // up to so many sequences are few

    struct Sequence {
        KvCache<Real>* cache;
        std::int64_t firstRow, rows, firstPosition;
    };

    explicit DecodeAttention(const ModelConfig& config);

    /// The last counts[i] ids of cache i are new. Reserves memory for all of them.
    void plan(std::span<KvCache<Real>* const> caches, std::span<const std::int64_t> counts, at::ScalarType real);
    const std::vector<Sequence>& sequences() const { return m_sequences; }
    std::int64_t rows() const { return static_cast<std::int64_t>(m_rowPositions.size()); }

    /// From rows [q | k | v] of all heads to the heads' outputs: keys are rotated and added to the caches. The outputs lie in
    /// `shared`, or where every member has `own` rows (null: none) and the keys are in several pieces, there. A whole stage.
    T* attend(kernels::TeamMember& member, std::size_t layer, const Real* qkv, T* shared, T* own, std::int64_t stride);

private:
    using TeamMember = kernels::TeamMember;
    using Stored = StoredElement<T>;
    // Attention of one key/value head over keys [begin, end) of one sequence.
    struct Task {
        std::int64_t sequence, head, begin, end;
    };
    struct Output {
        T* data;
        std::int64_t stride;
    };

    void attendTask(const TeamMember& member, std::size_t layer, const Task& task, const Real* qkv, Output to);
    void merge(const TeamMember& member, std::int64_t row, std::int64_t head, Output to);
    std::int64_t piecesOf(std::int64_t position) const { return position / m_pieceKeys + 1; }
    Real* partial(std::int64_t row, std::int64_t head, std::int64_t piece);

    const ModelConfig& m_config;
    const kernels::KernelTable<Stored>& m_loops;
    const kernels::KernelTable<Real>& m_realLoops;
    std::vector<Sequence> m_sequences;
    std::vector<Task> m_tasks;
    std::vector<std::int64_t> m_taskCosts; // keys of all tasks before each, and of all
    std::vector<std::int64_t> m_rowPositions;
    std::int64_t m_longest = 0, m_mostRows = 0; // positions of the longest sequence, rows of one sequence
    std::int64_t m_pieceKeys = 0;
    at::Tensor m_scores, m_attended, m_partials; // the first two of each member
    std::int64_t m_scoresPerMember = 0, m_attendedPerMember = 0, m_scoreStride = 0;
};

} // namespace attune
