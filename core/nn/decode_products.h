// Products of a few rows with a matrix of the model, whatever it is stored in (in place, 8 bits, 4 bits), adapters included:
// each member of a team makes its share of the outputs. Internal to the decoder. T: what weights are stored in; Real: sums.
#pragma once

#include <cstdint>

#include "core/nn/decode_scratch.h"
#include "core/nn/decode_weights.h"
#include "core/nn/kernels/decode_kernels.h"
#include "core/nn/kernels/thread_team.h"

namespace attune {

/// What a product reads: rows of `stride`, the input and behind it the input of its adapters.
template <class T>
struct DecodeInput {
    T* data = nullptr;
    std::int64_t stride = 0, rows = 0;
    const T* packed = nullptr; // the same side by side in lanes, where prepareInput made it
};

/// Where a product goes: rows of `width` numbers.
template <class Real>
struct DecodeTarget {
    Real* data;
    std::int64_t width;
};

template <class T, class Real>
class DecodeProducts {
public:
    using Input = DecodeInput<T>;
    using Target = DecodeTarget<Real>;

    DecodeProducts(const CausalLm& model, const DecodeWeights& weights);

    /// For steps of up to `rows` rows; `lanes`: they may lie side by side (bf16 and not in 8 bits).
    void reserve(std::int64_t rows, bool lanes);
    bool lanes() const { return m_lanes; }
    /// Elements that the widest row takes, adapters' columns included; the same for all products.
    std::int64_t widestRow() const { return m_widest; }

    std::int64_t rankOf(const Linear& linear) const { return m_model.usesAdapters(linear) ? linear.adapterRank() : 0; }
    /// x A^T into the columns behind x. A whole stage: it ends with a barrier; nothing without adapters.
    void adapters(kernels::TeamMember& member, const Linear& linear, const Input& input);
    /// This member's share of the ranks alone, without the barrier; `scratch` has room for rows * rank numbers.
    void adapterShare(const Linear& linear, const Input& input, std::int64_t begin, std::int64_t end, Real* scratch) const;
    /// Packs the input for lanes where the step uses them. A whole stage then.
    void prepareInput(kernels::TeamMember& member, Input& input);
    /// Outputs [begin, end); without a linear layer the head's.
    void multiply(const kernels::TeamMember& member, const Linear* linear, const DecodeMatrix& matrix, const Input& input,
                  std::int64_t begin, std::int64_t end, Target y);

private:
    using Stored = StoredElement<T>;
    void multiplyPacked(const kernels::TeamMember& member, const Linear& linear, const Input& input, std::int64_t begin,
                        std::int64_t end, Target y);
    void addBias(const Linear* linear, std::int64_t rows, std::int64_t begin, std::int64_t end, Target y) const;

    const CausalLm& m_model;
    const DecodeWeights& m_weights;
    const kernels::KernelTable<Stored>& m_loops;
    std::int64_t m_widest = 0, m_mostRanks = 0; // of one layer
    bool m_lanes = false;
    at::Tensor m_inner, m_packed;   // adapters' inner values and rows in lanes, shared by the team
    at::Tensor m_wide, m_unpacked;  // inputs in f32 for 8 bits, rows of a packed layer; of each member
};

} // namespace attune
