// One new token of each of several sequences through the whole model: the inner loop of generation. All threads go
// through it as one team. Internal to the decoder. T: what weights and caches are stored in; Real: sums and the residual
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
    DecodeStep(const CausalLm& model, const DecodeWeights& weights);

    /// The last id of each cache is the new token; its keys and values are added (the caches have room, their rotation
    /// tables reach). Returns logits [caches, V].
    at::Tensor run(std::span<KvCache<Real>* const> caches);

private:
    using TeamMember = kernels::TeamMember;
    using Stored = std::conditional_t<std::is_same_v<T, c10::BFloat16>, kernels::Bf16, T>;
    // Where a product goes: rows of `width` numbers.
    struct Target {
        Real* data;
        std::int64_t width;
    };

    void reserve(std::int64_t rows, std::int64_t longest);
    std::int64_t rankOf(const Linear& linear) const { return m_model.adaptersEnabled() ? linear.adapterRank() : 0; }
    void layer(TeamMember& member, std::size_t index);
    void norm(TeamMember& member, const Norm& parameters, std::int64_t stride);
    // Whole stages, ended by a barrier when they return.
    void adapters(TeamMember& member, const Linear& linear);
    void addTo(TeamMember& member, const Linear& linear, const DecodeMatrix& matrix, const Norm& postNorm, Real* residual);
    void addNormed(TeamMember& member, const Norm& postNorm, Real* residual);
    void qkNorm(TeamMember& member, const Block& block);
    void attend(TeamMember& member, std::size_t layer);
    void gateUp(TeamMember& member, const Linear& linear, const DecodeMatrix& matrix, std::int64_t activatedStride);
    // This member's share of a product's outputs; the input is m_input, prepared by prepareInput.
    void prepareInput(TeamMember& member, std::int64_t k);
    void multiply(TeamMember& member, const Linear* linear, const DecodeMatrix& matrix, std::int64_t begin,
                  std::int64_t end, Target y);
    void addBias(const Linear* linear, std::int64_t begin, std::int64_t end, Target y);

    const CausalLm& m_model;
    const ModelConfig& m_config;
    const DecodeWeights& m_weights;
    const kernels::KernelTable<Stored>& m_loops;
    const kernels::KernelTable<Real>& m_realLoops;

    std::span<KvCache<Real>* const> m_caches;
    std::int64_t m_rows = 0;
    // Shared by the team. The input of a product is [rows, in + ranks of its adapters]; there are two, so that one stage
    // can read the one while writing the other.
    at::Tensor m_residual, m_inputs[2], m_qkv, m_product, m_packed, m_wide, m_statistics, m_scores, m_attended, m_logits;
    T* m_input = nullptr;
    std::int64_t m_inputStride = 0, m_scoresPerMember = 0, m_attendedPerMember = 0;
    bool m_lanes = false;
};

} // namespace attune
