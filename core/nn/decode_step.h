// New tokens of several sequences through the whole model: the inner loop of generation. Usually one token of each; several
// of one sequence where proposed tokens are checked. All threads go through it as one team. Internal to the
// decoder. T: what weights and caches are stored in; Real: sums and the residual stream.
#pragma once

#include <span>

#include "core/nn/decode_attention.h"
#include "core/nn/decode_experts.h"
#include "core/nn/decode_products.h"

namespace attune {

template <class T, class Real>
class DecodeStep {
public:
    /// Up to so many sequences each row is a dot product of its own where lanes are faster.
    static constexpr std::int64_t kDotRows = DecodeAttention<T, Real>::kDotRows;
    DecodeStep(const CausalLm& model, const DecodeWeights& weights);

    /// The last `counts[i]` ids of cache i are new: their keys and values are added (the caches have room, their rotation
    /// tables reach). Returns the logits after each of them, [sum of counts, V]. Up to kDotRows
    /// sequences a row's numbers are the same to the last bit whatever other rows there are.
    at::Tensor run(std::span<KvCache<Real>* const> caches, std::span<const std::int64_t> counts);

private:
    using TeamMember = kernels::TeamMember;
    using Stored = StoredElement<T>;
    using Input = DecodeInput<T>;

    void reserve();
    // A member that needs no adapters' columns prepares small inputs for itself instead of waiting for the others.
    bool alone(std::int64_t rank) const { return !m_products.lanes() && rank == 0; }
    T* inputOf(const TeamMember& member, bool alone) const;
    void layer(TeamMember& member, std::size_t index);
    // With `place`: every member's rows there, instead of where inputs of the next product usually lie.
    Input norm(TeamMember& member, const Norm& parameters, std::int64_t rank, T* place = nullptr);
    // Whole stages, ended by a barrier when they return.
    void addTo(TeamMember& member, const Linear& linear, const DecodeMatrix& matrix, const Norm& postNorm, Input input,
               Real* residual);
    void addNormed(TeamMember& member, const Norm& postNorm, Real* residual);
    void qkNorm(TeamMember& member, const Block& block);
    Input gateUp(TeamMember& member, const Linear& linear, const DecodeMatrix& matrix, Input input, std::int64_t activatedStride);

    const CausalLm& m_model;
    const ModelConfig& m_config;
    const DecodeWeights& m_weights;
    const kernels::KernelTable<Stored>& m_loops;
    const kernels::KernelTable<Real>& m_realLoops;

    DecodeProducts<T, Real> m_products;
    DecodeAttention<T, Real> m_attention;
    DecodeExperts<T, Real> m_experts;
    std::int64_t m_rows = 0; // of all sequences
    // Shared by the team, where nothing else is said. Rows of an input are [in + ranks of its adapters] wide; there are two
    // shared ones, so that one stage can read the one while writing the other, a third for the MLP of blocks that run it
    // beside attention, and one of each member.
    at::Tensor m_residual, m_inputs[3], m_ownInputs, m_qkv, m_product, m_statistics, m_logits;
};

} // namespace attune
