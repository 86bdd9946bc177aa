// The mixture of experts of one block for new tokens: the router's choice, then each chosen expert once over the rows that are
// sent to it, all shared by a team. Internal to the decoder. T: what weights are stored in; Real: sums and the residual stream.
#pragma once

#include <cstdint>
#include <vector>

#include "core/nn/decode_products.h"

namespace attune {

template <class T, class Real>
class DecodeExperts {
public:
    DecodeExperts(const CausalLm& model, DecodeProducts<T, Real>& products);

    /// For steps of so many rows; after the products' own.
    void reserve(std::int64_t rows);
    /// residual [rows, H] += the chosen experts' outputs; input: the normed residuals, columns for the router's adapter behind
    /// them. Ends with a barrier. A row's sums are taken in the order of its experts' numbers, whatever rows are beside it.
    void run(kernels::TeamMember& member, const Block& block, const DecodeWeights::Layer& weights, DecodeInput<T> input,
             Real* residual);

private:
    using Stored = StoredElement<T>;
    // A member's view of who does what: the same for all of them.
    struct Plan {
        struct Active {
            std::size_t expert;
            std::int64_t begin, count;  // its rows among those of all experts
            std::int64_t firstLane = 0; // its lanes among those of all experts
            bool lanes = false;         // its rows lie side by side as well
        };
        std::vector<Active> active; // experts with rows, by number
        std::vector<std::int64_t> rows; // of the input, for each row of the experts
        std::vector<Real> weights;      // and what it counts
        std::vector<std::int32_t> chosen;
        std::vector<Real> probabilities, chosenWeights;
    };

    void route(Plan& plan, std::int64_t rows) const;
    DecodeInput<T> rowsOf(T* data, const typename Plan::Active& active) const {
        const std::int64_t widest = m_products.widestRow();
        return {data + active.begin * widest, widest, active.count,
                active.lanes ? pointerTo<T>(m_packed) + active.firstLane * widest : nullptr};
    }
    // f(active, first output, last output): this member's share of `outputs` outputs of every active expert.
    template <class F>
    void eachShare(const kernels::TeamMember& member, const Plan& plan, std::int64_t outputs, std::int64_t unit, F&& f) const;
    // x A^T of every active expert's layer behind its rows. A whole stage, nothing without adapters.
    template <class L>
    void adapters(kernels::TeamMember& member, const Plan& plan, const Block& block, T* rows, L&& layer);
    // Many rows of one expert are put side by side. A whole stage, nothing for few.
    template <class L>
    void pack(kernels::TeamMember& member, const Plan& plan, const Block& block, T* rows, L&& layer);
    void gateUp(const kernels::TeamMember& member, const Plan& plan, const typename Plan::Active& active, const Linear& linear,
                const DecodeMatrix& matrix, std::int64_t begin, std::int64_t end);

    const CausalLm& m_model;
    const ModelConfig& m_config;
    DecodeProducts<T, Real>& m_products;
    const kernels::KernelTable<Stored>& m_loops;
    const kernels::KernelTable<Real>& m_realLoops;
    std::int64_t m_mostRanks = 0; // of one expert's layer
    std::vector<Plan> m_plans;    // of each member
    // Shared by the team: the router's logits, the experts' inputs and inner values (rows of widestRow), products, adapters' inner values.
    at::Tensor m_logits, m_inputs, m_inner, m_product, m_ranks, m_packed;
};

} // namespace attune
