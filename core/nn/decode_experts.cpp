#include "core/nn/decode_experts.h"

#include <algorithm>
#include <type_traits>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/nn/kernels/experts.h"

namespace attune {

template <class T, class Real>
DecodeExperts<T, Real>::DecodeExperts(const CausalLm& model, DecodeProducts<T, Real>& products)
    : m_model(model), m_config(model.config()), m_products(products),
      m_loops(kernels::kernelTable<Stored>(kernels::bestInstructionSet())),
      m_realLoops(kernels::kernelTable<Real>(kernels::bestInstructionSet())) {
    for (const Block& block : model.blocks)
        for (const Expert& expert : block.experts)
            m_mostRanks = std::max({m_mostRanks, expert.gateUp.adapterRank(), expert.down.adapterRank()});
}

template <class T, class Real>
void DecodeExperts<T, Real>::reserve(std::int64_t rows) {
    if (m_config.experts == 0)
        return;
    const at::ScalarType stored = m_model.settings().dtype, real = m_model.masterType();
    const std::int64_t all = rows * m_config.expertsPerToken, widest = m_products.widestRow();
    m_plans.resize(static_cast<std::size_t>(at::get_num_threads()));
    reserveElements(m_logits, rows * m_config.experts, real);
    reserveElements(m_inputs, all * widest, stored);
    reserveElements(m_inner, all * widest, stored);
    reserveElements(m_product, all * widest, real);
    if (m_products.lanes()) // every expert rounds its rows up
        reserveElements(m_packed, (all + decode::kLanes * m_config.experts) * widest, stored);
    reserveElements(m_ranks, all * std::max<std::int64_t>(1, m_mostRanks), real);
}

template <class T, class Real>
void DecodeExperts<T, Real>::route(Plan& plan, std::int64_t rows) const {
    const std::int64_t experts = m_config.experts, k = m_config.expertsPerToken;
    const auto width = static_cast<std::size_t>(experts);
    plan.probabilities.resize(width);
    plan.chosen.resize(static_cast<std::size_t>(rows * k)), plan.chosenWeights.resize(plan.chosen.size());
    std::vector<std::int64_t> next(width + 1, 0); // where each expert's rows begin
    for (std::int64_t row = 0; row < rows; ++row) {
        const Real* logits = pointerTo<Real>(m_logits) + row * experts;
        std::copy(logits, logits + experts, plan.probabilities.begin());
        kernels::chooseExperts(std::span(plan.probabilities), k, m_config.renormalizedExperts, plan.chosen.data() + row * k,
                               plan.chosenWeights.data() + row * k);
        for (std::int64_t j = 0; j < k; ++j)
            ++next[static_cast<std::size_t>(plan.chosen[static_cast<std::size_t>(row * k + j)]) + 1];
    }
    plan.active.clear();
    constexpr std::int64_t kDotRows = 4; // up to here rows are dot products of their own
    for (std::size_t e = 0, lanes = 0; e < width; ++e) {
        const std::int64_t count = next[e + 1];
        if (count > 0)
            plan.active.push_back({e, next[e], count, static_cast<std::int64_t>(lanes), m_products.lanes() && count > kDotRows});
        lanes += static_cast<std::size_t>(wholeUnits(count, decode::kLanes));
        next[e + 1] += next[e];
    }
    plan.rows.resize(plan.chosen.size()), plan.weights.resize(plan.chosen.size());
    for (std::size_t i = 0; i < plan.chosen.size(); ++i) {
        const auto place = static_cast<std::size_t>(next[static_cast<std::size_t>(plan.chosen[i])]++);
        plan.rows[place] = static_cast<std::int64_t>(i) / k, plan.weights[place] = plan.chosenWeights[i];
    }
}

template <class T, class Real>
template <class F>
void DecodeExperts<T, Real>::eachShare(const kernels::TeamMember& member, const Plan& plan, std::int64_t outputs, std::int64_t unit,
                                       F&& f) const {
    const std::int64_t padded = wholeUnits(outputs, unit);
    const auto [begin, end] = member.share(static_cast<std::int64_t>(plan.active.size()) * padded, unit);
    for (std::int64_t at = begin; at < end;) {
        const std::int64_t index = at / padded, stop = std::min(end, (index + 1) * padded);
        const std::int64_t first = at - index * padded, last = std::min(outputs, stop - index * padded);
        if (first < last)
            f(plan.active[static_cast<std::size_t>(index)], first, last);
        at = stop;
    }
}

template <class T, class Real>
template <class L>
void DecodeExperts<T, Real>::adapters(kernels::TeamMember& member, const Plan& plan, const Block& block, T* rows, L&& layer) {
    bool any = false;
    for (const auto& active : plan.active)
        any |= m_products.rankOf(layer(block.experts[active.expert])) > 0;
    if (!any)
        return;
    eachShare(member, plan, m_mostRanks, 1, [&](const auto& active, std::int64_t begin, std::int64_t end) {
        const Linear& linear = layer(block.experts[active.expert]);
        end = std::min(end, m_products.rankOf(linear));
        if (begin < end)
            m_products.adapterShare(linear, rowsOf(rows, active), begin, end, pointerTo<Real>(m_ranks) + active.begin * m_mostRanks);
    });
    member.barrier();
}

template <class T, class Real>
template <class L>
void DecodeExperts<T, Real>::pack(kernels::TeamMember& member, const Plan& plan, const Block& block, T* rows, L&& layer) {
    if constexpr (std::is_same_v<T, c10::BFloat16>) {
        if (std::none_of(plan.active.begin(), plan.active.end(), [](const auto& active) { return active.lanes; }))
            return;
        const std::int64_t pairs = (std::max(m_config.hiddenSize, m_config.intermediateSize) + m_mostRanks + 1) / 2;
        eachShare(member, plan, pairs, 32, [&](const auto& active, std::int64_t begin, std::int64_t end) {
            const Linear& linear = layer(block.experts[active.expert]);
            const std::int64_t width = linear.inFeatures() + m_products.rankOf(linear);
            const DecodeInput<T> input = rowsOf(rows, active);
            end = std::min(end, (width + 1) / 2);
            if (active.lanes && begin < end)
                decode::packLanes(input.data, input.stride, input.rows, width, begin, end, const_cast<T*>(input.packed));
        });
        member.barrier();
    }
}

// The activation follows in the same stage, times what the row counts: the last product then gives what is added.
template <class T, class Real>
void DecodeExperts<T, Real>::gateUp(const kernels::TeamMember& member, const Plan& plan, const typename Plan::Active& active,
                                    const Linear& linear, const DecodeMatrix& matrix, std::int64_t begin, std::int64_t end) {
    const std::int64_t inner = m_config.intermediateSize, widest = m_products.widestRow();
    const DecodeInput<T> input = rowsOf(pointerTo<T>(m_inputs), active);
    Real* product = pointerTo<Real>(m_product) + active.begin * widest;
    m_products.multiply(member, &linear, matrix, input, begin, end, {product, widest});
    m_products.multiply(member, &linear, matrix, input, inner + begin, inner + end, {product, widest});
    constexpr std::int64_t kColumns = 256;
    Real pair[2 * kColumns], line[kColumns];
    for (std::int64_t row = 0; row < active.count; ++row)
        for (std::int64_t first = begin; first < end; first += kColumns) {
            const std::int64_t count = std::min(kColumns, end - first);
            const Real* in = product + row * widest + first;
            std::copy(in, in + count, pair);
            std::copy(in + inner, in + inner + count, pair + count);
            m_realLoops.activation(static_cast<kernels::ActivationCode>(m_config.activation), true, pair, line, count, 1, count);
            m_loops.narrowScaled(line, reinterpret_cast<Stored*>(pointerTo<T>(m_inner) + (active.begin + row) * widest + first),
                                 plan.weights[static_cast<std::size_t>(active.begin + row)], count);
        }
}

template <class T, class Real>
void DecodeExperts<T, Real>::run(kernels::TeamMember& member, const Block& block, const DecodeWeights::Layer& weights,
                                 DecodeInput<T> input, Real* residual) {
    constexpr std::int64_t kOutputs = 16; // of a product at a time
    const std::int64_t hidden = m_config.hiddenSize, widest = m_products.widestRow();
    m_products.adapters(member, block.router, input);
    {
        const auto [begin, end] = member.share(m_config.experts);
        m_products.multiply(member, &block.router, weights.router, input, begin, end, {pointerTo<Real>(m_logits), m_config.experts});
    }
    member.barrier();
    Plan& plan = m_plans[static_cast<std::size_t>(member.index())];
    route(plan, input.rows);
    T *inputs = pointerTo<T>(m_inputs), *inner = pointerTo<T>(m_inner);
    {
        const auto [begin, end] = member.share(static_cast<std::int64_t>(plan.rows.size()));
        for (std::int64_t i = begin; i < end; ++i)
            std::copy_n(input.data + plan.rows[static_cast<std::size_t>(i)] * input.stride, hidden, inputs + i * widest);
    }
    member.barrier();
    const auto up = [](const Expert& expert) -> const Linear& { return expert.gateUp; };
    const auto down = [](const Expert& expert) -> const Linear& { return expert.down; };
    adapters(member, plan, block, inputs, up);
    pack(member, plan, block, inputs, up);
    eachShare(member, plan, m_config.intermediateSize, kOutputs, [&](const auto& active, std::int64_t begin, std::int64_t end) {
        gateUp(member, plan, active, block.experts[active.expert].gateUp, weights.experts[active.expert].gateUp, begin, end);
    });
    member.barrier();
    adapters(member, plan, block, inner, down);
    pack(member, plan, block, inner, down);
    Real* product = pointerTo<Real>(m_product);
    const auto [begin, end] = member.share(hidden, kOutputs);
    for (const auto& active : plan.active) {
        m_products.multiply(member, &block.experts[active.expert].down, weights.experts[active.expert].down, rowsOf(inner, active), begin,
                            end, {product + active.begin * widest, widest});
        for (std::int64_t i = active.begin; i < active.begin + active.count; ++i)
            m_loops.add(product + i * widest + begin, residual + plan.rows[static_cast<std::size_t>(i)] * hidden + begin, end - begin);
    }
    member.barrier();
}

template class DecodeExperts<double, double>;
template class DecodeExperts<float, float>;
template class DecodeExperts<c10::BFloat16, float>;

} // namespace attune
