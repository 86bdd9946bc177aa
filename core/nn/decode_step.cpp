#include "core/nn/decode_step.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/nn/kernels/ops.h"

namespace attune {

namespace {

constexpr std::int64_t kOutputUnit = 16;

kernels::ActivationCode activationCode(Activation activation) { return static_cast<kernels::ActivationCode>(activation); }

} // namespace

template <class T, class Real>
DecodeStep<T, Real>::DecodeStep(const CausalLm& model, const DecodeWeights& weights)
    : m_model(model), m_config(model.config()), m_weights(weights),
      m_loops(kernels::kernelTable<Stored>(kernels::bestInstructionSet())),
      m_realLoops(kernels::kernelTable<Real>(kernels::bestInstructionSet())), m_products(model, weights),
      m_attention(model.config()), m_experts(model, m_products) {}

template <class T, class Real>
void DecodeStep<T, Real>::reserve() {
    const at::ScalarType stored = m_model.settings().dtype, real = m_model.masterType();
    const std::int64_t padded = m_products.widestRow(), members = at::get_num_threads();
    reserveElements(m_residual, m_rows * m_config.hiddenSize, real);
    for (at::Tensor& input : m_inputs)
        reserveElements(input, m_rows * padded, stored);
    reserveElements(m_ownInputs, members * m_rows * padded, stored);
    reserveElements(m_qkv, m_rows * (m_config.queryWidth() + 2 * m_config.kvWidth()), real);
    reserveElements(m_product, m_rows * padded, real);
    reserveElements(m_statistics, members * 2 * m_rows, real);
    // A caller may still hold the last logits.
    if (!m_logits.defined() || m_logits.storage().use_count() > 1 || m_logits.size(0) < m_rows)
        m_logits = at::empty({m_rows, m_config.vocabularySize}, at::TensorOptions().dtype(real));
}

template <class T, class Real>
at::Tensor DecodeStep<T, Real>::run(std::span<KvCache<Real>* const> caches, std::span<const std::int64_t> counts) {
    m_attention.plan(caches, counts, m_model.masterType());
    m_rows = m_attention.rows();
    m_products.reserve(m_rows, static_cast<std::int64_t>(caches.size()) > kDotRows);
    m_experts.reserve(m_rows);
    reserve();
    const std::int64_t hidden = m_config.hiddenSize;
    for (const auto& sequence : m_attention.sequences())
        for (std::int64_t i = 0; i < sequence.rows; ++i) {
            const std::int64_t position = sequence.firstPosition + i;
            Real* x = pointerTo<Real>(m_residual) + (sequence.firstRow + i) * hidden;
            m_loops.widen(pointerTo<Stored>(m_model.embedding.compute) +
                              sequence.cache->ids[static_cast<std::size_t>(position)] * hidden,
                          x, hidden);
            if (m_config.embeddingMultiplier != 1.0)
                m_realLoops.scale(x, static_cast<Real>(m_config.embeddingMultiplier), hidden);
            if (m_model.positions.defined())
                m_loops.addWiden(pointerTo<Stored>(m_model.positions.compute) + position * hidden, x, hidden);
        }
    kernels::runTeam([&](TeamMember& member) {
        for (std::size_t index = 0; index < m_model.blocks.size(); ++index)
            layer(member, index);
        Input input = norm(member, m_model.finalNorm, 0);
        m_products.prepareInput(member, input);
        const auto [begin, end] = member.share(m_config.vocabularySize, kOutputUnit);
        m_products.multiply(member, nullptr, m_weights.head, input, begin, end, {pointerTo<Real>(m_logits), m_config.vocabularySize});
    });
    at::Tensor logits = m_logits.narrow(0, 0, m_rows);
    if (m_config.logitMultiplier != 1.0)
        logits.mul_(m_config.logitMultiplier);
    if (m_model.headBias.defined())
        logits.add_(m_model.headBias.compute);
    if (m_config.logitSoftCap > 0.0)
        kernels::softCap(logits, m_config.logitSoftCap);
    return logits;
}

template <class T, class Real>
void DecodeStep<T, Real>::layer(TeamMember& member, std::size_t index) {
    const Block& block = m_model.blocks[index];
    const DecodeWeights::Layer& weights = m_weights.layers[index];
    Input input = norm(member, block.attentionNorm, m_products.rankOf(block.qkv));
    m_products.adapters(member, block.qkv, input);
    m_products.prepareInput(member, input);
    const std::int64_t width = block.qkv.outFeatures();
    const auto [begin, end] = member.share(width, kOutputUnit);
    m_products.multiply(member, &block.qkv, weights.qkv, input, begin, end, {pointerTo<Real>(m_qkv), width});
    member.barrier();
    if (block.queryNorm.defined())
        qkNorm(member, block);

    const Norm& mlpNorm = block.mlpInputNorm(m_config.layout);
    const bool parallel = m_config.layout != BlockLayout::Sequential;
    Input mlpInput{};
    if (parallel) // reads the residuals before attention is added to them
        mlpInput = norm(member, mlpNorm, m_products.rankOf(block.gateUp), pointerTo<T>(m_inputs[2]));
    const std::int64_t outRank = m_products.rankOf(block.attentionOut), stride = block.attentionOut.inFeatures() + outRank;
    input = {m_attention.attend(member, index, pointerTo<Real>(m_qkv), pointerTo<T>(m_inputs[0]),
                                alone(outRank) ? inputOf(member, true) : nullptr, stride),
             stride, m_rows};
    addTo(member, block.attentionOut, weights.attentionOut, block.attentionPostNorm, input, pointerTo<Real>(m_residual));

    if (!block.experts.empty()) {
        input = norm(member, mlpNorm, m_products.rankOf(block.router));
        return m_experts.run(member, block, weights, input, pointerTo<Real>(m_residual));
    }
    input = parallel ? mlpInput : norm(member, mlpNorm, m_products.rankOf(block.gateUp));
    input = gateUp(member, block.gateUp, weights.gateUp, input, block.down.inFeatures() + m_products.rankOf(block.down));
    addTo(member, block.down, weights.down, block.mlpPostNorm, input, pointerTo<Real>(m_residual));
}

template <class T, class Real>
T* DecodeStep<T, Real>::inputOf(const TeamMember& member, bool alone) const {
    return alone ? pointerTo<T>(m_ownInputs) + member.index() * m_rows * m_products.widestRow() : pointerTo<T>(m_inputs[0]);
}

template <class T, class Real>
typename DecodeStep<T, Real>::Input DecodeStep<T, Real>::norm(TeamMember& member, const Norm& parameters, std::int64_t rank,
                                                                T* place) {
    const bool byItself = !place && alone(rank);
    const Input to{place ? place : inputOf(member, byItself), m_config.hiddenSize + rank, m_rows};
    const Real* weight = parameters.defined() ? pointerTo<Real>(parameters.weight.compute) : nullptr;
    const auto epsilon = static_cast<Real>(m_config.normEpsilon);
    auto [begin, end] = member.share(m_rows);
    if (byItself)
        begin = 0, end = m_rows;
    const Real* x = pointerTo<Real>(m_residual) + begin * m_config.hiddenSize;
    auto* y = reinterpret_cast<Stored*>(to.data + begin * to.stride);
    Real* statistics = pointerTo<Real>(m_statistics) + member.index() * 2 * m_rows;
    if (!parameters.defined())
        for (std::int64_t row = 0; row < end - begin; ++row)
            m_loops.narrow(x + row * m_config.hiddenSize, y + row * to.stride, m_config.hiddenSize);
    else if (m_config.norm == NormKind::LayerNorm)
        m_loops.layerNorm(x, weight, parameters.bias.defined() ? pointerTo<Real>(parameters.bias.compute) : nullptr, epsilon,
                          y, to.stride, statistics, statistics + m_rows, end - begin, m_config.hiddenSize);
    else
        m_loops.rmsNorm(x, weight, epsilon, y, to.stride, statistics, end - begin, m_config.hiddenSize);
    if (!byItself)
        member.barrier();
    return to;
}

// residual += multiplier * postNorm(linear(input))
template <class T, class Real>
void DecodeStep<T, Real>::addTo(TeamMember& member, const Linear& linear, const DecodeMatrix& matrix, const Norm& postNorm,
                                Input input, Real* residual) {
    m_products.adapters(member, linear, input);
    m_products.prepareInput(member, input);
    const std::int64_t width = linear.outFeatures();
    const auto [begin, end] = member.share(width, kOutputUnit);
    Real* product = pointerTo<Real>(m_product);
    m_products.multiply(member, &linear, matrix, input, begin, end, {product, width});
    if (postNorm.defined()) {
        member.barrier();
        return addNormed(member, postNorm, residual);
    }
    for (std::int64_t row = 0; row < m_rows; ++row) {
        if (m_config.residualMultiplier != 1.0)
            m_realLoops.scale(product + row * width + begin, static_cast<Real>(m_config.residualMultiplier), end - begin);
        m_loops.add(product + row * width + begin, residual + row * width + begin, end - begin);
    }
    member.barrier();
}

// The whole product of each row is there: normalise it and add it.
template <class T, class Real>
void DecodeStep<T, Real>::addNormed(TeamMember& member, const Norm& postNorm, Real* residual) {
    const std::int64_t width = m_config.hiddenSize;
    const auto [begin, end] = member.share(m_rows);
    Real* product = pointerTo<Real>(m_product);
    Real statistics[2];
    const Real* weight = pointerTo<Real>(postNorm.weight.compute);
    const auto epsilon = static_cast<Real>(m_config.normEpsilon);
    for (std::int64_t row = begin; row < end; ++row) {
        Real* x = product + row * width;
        if (m_config.norm == NormKind::LayerNorm)
            m_realLoops.layerNorm(x, weight, pointerTo<Real>(postNorm.bias.compute), epsilon, x, width, statistics,
                                  statistics + 1, 1, width);
        else
            m_realLoops.rmsNorm(x, weight, epsilon, x, width, statistics, 1, width);
        if (m_config.residualMultiplier != 1.0)
            m_realLoops.scale(x, static_cast<Real>(m_config.residualMultiplier), width);
        m_realLoops.add(x, residual + row * width, width);
    }
    member.barrier();
}

// One task per row: heads are short.
template <class T, class Real>
void DecodeStep<T, Real>::qkNorm(TeamMember& member, const Block& block) {
    const std::int64_t width = m_config.queryWidth() + 2 * m_config.kvWidth();
    const auto epsilon = static_cast<Real>(m_config.normEpsilon);
    const auto apply = [&](const Norm& norm, Real* x, std::int64_t all) {
        const std::int64_t each = norm.weight.compute.size(0);
        Real statistics;
        for (std::int64_t at = 0; at < all; at += each)
            m_realLoops.rmsNorm(x + at, pointerTo<Real>(norm.weight.compute), epsilon, x + at, each, &statistics, 1, each);
    };
    const auto [begin, end] = member.share(m_rows);
    for (std::int64_t row = begin; row < end; ++row) {
        Real* line = pointerTo<Real>(m_qkv) + row * width;
        apply(block.queryNorm, line, m_config.queryWidth());
        apply(block.keyNorm, line + m_config.queryWidth(), m_config.kvWidth());
    }
    member.barrier();
}

// The activation follows in the same stage: a member makes the gate and the up of the same columns.
template <class T, class Real>
typename DecodeStep<T, Real>::Input DecodeStep<T, Real>::gateUp(TeamMember& member, const Linear& linear, const DecodeMatrix& matrix,
                                 Input input, std::int64_t activatedStride) {
    m_products.adapters(member, linear, input);
    m_products.prepareInput(member, input);
    const std::int64_t inner = m_config.intermediateSize, width = linear.outFeatures();
    const auto [begin, end] = member.share(inner, kOutputUnit);
    Real* product = pointerTo<Real>(m_product);
    m_products.multiply(member, &linear, matrix, input, begin, end, {product, width});
    if (m_config.gatedMlp)
        m_products.multiply(member, &linear, matrix, input, inner + begin, inner + end, {product, width});
    T* to = pointerTo<T>(m_inputs[1]);
    constexpr std::int64_t kColumns = 256;
    Real pair[2 * kColumns], line[kColumns];
    for (std::int64_t row = 0; row < m_rows; ++row)
        for (std::int64_t first = begin; first < end; first += kColumns) {
            const std::int64_t count = std::min(kColumns, end - first);
            const Real* in = product + row * width + first;
            std::copy(in, in + count, pair);
            if (m_config.gatedMlp)
                std::copy(in + inner, in + inner + count, pair + count);
            m_realLoops.activation(activationCode(m_config.activation), m_config.gatedMlp, pair, line, count, 1, count);
            m_loops.narrow(line, reinterpret_cast<Stored*>(to + row * activatedStride + first), count);
        }
    member.barrier();
    return {to, activatedStride, m_rows};
}

template class DecodeStep<double, double>;
template class DecodeStep<float, float>;
template class DecodeStep<c10::BFloat16, float>;

} // namespace attune
