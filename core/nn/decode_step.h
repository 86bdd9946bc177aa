// New tokens of several sequences through the whole model: the inner loop of generation. Usually one token of each; several
// of one sequence where proposed tokens are checked. All threads go through it as one team. Internal to the decoder. T: what weights and caches are stored in; Real: sums and the residual
// stream.
#pragma once

#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include "core/nn/decode_weights.h"
#include "core/nn/kernels/decode_kernels.h"
#include "core/nn/kernels/kernel_table.h"
#include "core/nn/kernels/thread_team.h"
#include "core/nn/kv_cache.h"

namespace attune {

template <class T, class Real>
class DecodeStep {
public:
    static constexpr std::int64_t kDotRows = 4; // up to here each row is a dot product of its own where lanes are faster
    DecodeStep(const CausalLm& model, const DecodeWeights& weights);

    /// The last `counts[i]` ids of cache i are new: their keys and values are added (the caches have room, their rotation
    /// tables reach). Returns the logits after each of them, [sum of counts, V]. Up to kDotRows
    /// sequences a row's numbers are the same to the last bit whatever other rows there are.
    at::Tensor run(std::span<KvCache<Real>* const> caches, std::span<const std::int64_t> counts);

private:
    using TeamMember = kernels::TeamMember;
    using Stored = std::conditional_t<std::is_same_v<T, c10::BFloat16>, kernels::Bf16, T>;
    // Where a product goes: rows of `width` numbers.
    struct Target {
        Real* data;
        std::int64_t width;
    };
    // What a product reads: rows of `stride`, the input and behind it the input of its adapters.
    struct Input {
        T* data;
        std::int64_t stride;
    };
    struct Sequence {
        KvCache<Real>* cache;
        std::int64_t firstRow, rows, firstPosition;
    };
    // Attention of one key/value head over keys [begin, end) of one sequence.
    struct Task {
        std::int64_t sequence, head, begin, end;
    };

    void plan(std::span<KvCache<Real>* const> caches, std::span<const std::int64_t> counts);
    void reserve();
    std::int64_t rankOf(const Linear& linear) const { return m_model.usesAdapters(linear) ? linear.adapterRank() : 0; }
    // A member that needs no adapters' columns prepares small inputs for itself instead of waiting for the others.
    bool alone(std::int64_t rank) const { return !m_lanes && rank == 0; }
    T* inputOf(const TeamMember& member, bool alone) const;
    void layer(TeamMember& member, std::size_t index);
    // With `place`: every member's rows there, instead of where inputs of the next product usually lie.
    Input norm(TeamMember& member, const Norm& parameters, std::int64_t rank, T* place = nullptr);
    // Whole stages, ended by a barrier when they return.
    void adapters(TeamMember& member, const Linear& linear, Input input);
    void addTo(TeamMember& member, const Linear& linear, const DecodeMatrix& matrix, const Norm& postNorm, Input input,
               Real* residual);
    void addNormed(TeamMember& member, const Norm& postNorm, Real* residual);
    void qkNorm(TeamMember& member, const Block& block);
    Input attend(TeamMember& member, std::size_t layer);
    Input gateUp(TeamMember& member, const Linear& linear, const DecodeMatrix& matrix, Input input, std::int64_t activatedStride);
    // Parts of attend.
    void attendTask(TeamMember& member, std::size_t layer, const Task& task, Input to);
    void merge(const TeamMember& member, std::int64_t row, std::int64_t head, Input to);
    std::int64_t piecesOf(std::int64_t position) const { return position / m_pieceKeys + 1; }
    Real* partial(std::int64_t row, std::int64_t head, std::int64_t piece);
    // This member's share of a product's outputs; the input has been through prepareInput.
    void prepareInput(TeamMember& member, Input input);
    void multiply(TeamMember& member, const Linear* linear, const DecodeMatrix& matrix, Input input, std::int64_t begin,
                  std::int64_t end, Target y);
    void multiplyPacked(TeamMember& member, const Linear& linear, Input input, std::int64_t begin, std::int64_t end, Target y);
    void addBias(const Linear* linear, std::int64_t begin, std::int64_t end, Target y);

    const CausalLm& m_model;
    const ModelConfig& m_config;
    const DecodeWeights& m_weights;
    const kernels::KernelTable<Stored>& m_loops;
    const kernels::KernelTable<Real>& m_realLoops;

    std::vector<Sequence> m_sequences;
    std::vector<Task> m_tasks;
    std::vector<std::int64_t> m_taskCosts; // keys of all tasks before each, and of all
    std::vector<std::int64_t> m_rowPositions;
    std::int64_t m_rows = 0, m_longest = 0, m_mostRows = 0; // of all, positions of the longest sequence, of one sequence
    std::int64_t m_pieceKeys = 0;
    // Shared by the team, where nothing else is said. Rows of an input are [in + ranks of its adapters] wide; there are two
    // shared ones, so that one stage can read the one while writing the other, a third for the MLP of blocks that run it
    // beside attention, and one of each member.
    at::Tensor m_residual, m_inputs[3], m_ownInputs, m_qkv, m_product, m_packed, m_wide, m_statistics, m_logits;
    at::Tensor m_unpacked; // rows of a packed layer, of each member
    at::Tensor m_scores, m_attended, m_partials; // the first two of each member
    std::int64_t m_inputWidth = 0, m_scoresPerMember = 0, m_attendedPerMember = 0, m_scoreStride = 0;
    bool m_lanes = false;
};

} // namespace attune
