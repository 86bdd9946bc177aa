#include "core/nn/decode_step.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/nn/kernels/matmul.h"
#include "core/nn/kernels/ops.h"

namespace attune {

namespace {

constexpr std::int64_t kDotRows = 4;      // up to here each row is a dot product of its own where lanes are faster
constexpr std::int64_t kLibraryRows = 16; // beyond, where there are no lanes, the library's products are faster
constexpr std::int64_t kOutputUnit = 16;

void reserveElements(at::Tensor& tensor, std::int64_t elements, at::ScalarType type) {
    if (!tensor.defined() || tensor.numel() < elements)
        tensor = at::empty({elements}, at::TensorOptions().dtype(type));
}

template <class T>
T* pointer(const at::Tensor& tensor) {
    return static_cast<T*>(tensor.data_ptr());
}

kernels::ActivationCode activationCode(Activation activation) { return static_cast<kernels::ActivationCode>(activation); }

} // namespace

template <class T, class Real>
DecodeStep<T, Real>::DecodeStep(const CausalLm& model, const DecodeWeights& weights)
    : m_model(model), m_config(model.config()), m_weights(weights),
      m_loops(kernels::kernelTable<Stored>(kernels::bestInstructionSet())),
      m_realLoops(kernels::kernelTable<Real>(kernels::bestInstructionSet())) {}

template <class T, class Real>
void DecodeStep<T, Real>::reserve(std::int64_t rows, std::int64_t longest) {
    const at::ScalarType stored = m_model.settings().dtype, real = m_model.masterType();
    std::int64_t widest = 0, ranks = 0;
    for (const Block& block : m_model.blocks)
        for (const Linear* linear : {&block.qkv, &block.attentionOut, &block.gateUp, &block.down}) {
            widest = std::max({widest, linear->inFeatures(), linear->outFeatures()});
            ranks = std::max(ranks, linear->adapterRank());
        }
    const std::int64_t padded = (widest + ranks + 127) / 64 * 64, members = at::get_num_threads();
    const std::int64_t lanes = (rows + decode::kLanes - 1) / decode::kLanes * decode::kLanes;
    reserveElements(m_residual, rows * m_config.hiddenSize, real);
    for (at::Tensor& input : m_inputs)
        reserveElements(input, rows * padded, stored);
    reserveElements(m_qkv, rows * (m_config.queryWidth() + 2 * m_config.kvWidth()), real);
    reserveElements(m_product, rows * padded, real);
    reserveElements(m_packed, lanes * padded, stored);
    reserveElements(m_wide, members * rows * padded, at::kFloat);
    reserveElements(m_statistics, 2 * rows, real);
    const std::int64_t group = m_config.heads / m_config.kvHeads;
    m_scoresPerMember = group * (longest + 64);
    m_attendedPerMember = 2 * group * m_config.headDim;
    reserveElements(m_scores, members * m_scoresPerMember, real);
    reserveElements(m_attended, members * m_attendedPerMember, real);
}

template <class T, class Real>
at::Tensor DecodeStep<T, Real>::run(std::span<KvCache<Real>* const> caches) {
    m_caches = caches;
    m_rows = static_cast<std::int64_t>(caches.size());
    m_lanes = std::is_same_v<T, c10::BFloat16> && m_rows > kDotRows && m_rows <= decode::kMostLaneRows &&
              decode::lanesAreFaster() && !m_weights.head.eightBit();
    std::int64_t longest = 0;
    for (const KvCache<Real>* cache : caches)
        longest = std::max(longest, cache->length());
    reserve(m_rows, longest);
    m_logits = at::empty({m_rows, m_config.vocabularySize}, at::TensorOptions().dtype(m_model.masterType()));
    const std::int64_t hidden = m_config.hiddenSize;
    for (std::int64_t row = 0; row < m_rows; ++row) {
        const KvCache<Real>& cache = *caches[static_cast<std::size_t>(row)];
        Real* x = pointer<Real>(m_residual) + row * hidden;
        m_loops.widen(pointer<Stored>(m_model.embedding.compute) + cache.ids.back() * hidden, x, hidden);
        if (m_config.embeddingMultiplier != 1.0)
            m_realLoops.scale(x, static_cast<Real>(m_config.embeddingMultiplier), hidden);
        if (m_model.positions.defined())
            m_loops.addWiden(pointer<Stored>(m_model.positions.compute) + (cache.length() - 1) * hidden, x, hidden);
    }
    kernels::runTeam([&](TeamMember& member) {
        for (std::size_t index = 0; index < m_model.blocks.size(); ++index)
            layer(member, index);
        norm(member, m_model.finalNorm, hidden);
        prepareInput(member, hidden);
        const auto [begin, end] = member.share(m_config.vocabularySize, kOutputUnit);
        multiply(member, nullptr, m_weights.head, begin, end, {pointer<Real>(m_logits), m_config.vocabularySize});
    });
    if (m_config.logitMultiplier != 1.0)
        m_logits.mul_(m_config.logitMultiplier);
    if (m_model.headBias.defined())
        m_logits.add_(m_model.headBias.compute);
    if (m_config.logitSoftCap > 0.0)
        kernels::softCap(m_logits, m_config.logitSoftCap);
    return std::move(m_logits);
}

template <class T, class Real>
void DecodeStep<T, Real>::layer(TeamMember& member, std::size_t index) {
    const Block& block = m_model.blocks[index];
    const DecodeWeights::Layer& weights = m_weights.layers[index];
    norm(member, block.attentionNorm, block.qkv.inFeatures() + rankOf(block.qkv));
    adapters(member, block.qkv);
    prepareInput(member, m_inputStride);
    const std::int64_t width = block.qkv.outFeatures();
    const auto [begin, end] = member.share(width, kOutputUnit);
    multiply(member, &block.qkv, weights.qkv, begin, end, {pointer<Real>(m_qkv), width});
    member.barrier();
    if (block.queryNorm.defined())
        qkNorm(member, block);

    const Norm& mlpNorm = block.mlpInputNorm(m_config.layout);
    const std::int64_t mlpStride = block.gateUp.inFeatures() + rankOf(block.gateUp);
    const bool parallel = m_config.layout != BlockLayout::Sequential;
    if (parallel) // reads the residuals before attention is added to them; the first input is free from here on
        norm(member, mlpNorm, mlpStride);
    attend(member, index);
    addTo(member, block.attentionOut, weights.attentionOut, block.attentionPostNorm, pointer<Real>(m_residual));
    if (!parallel) {
        norm(member, mlpNorm, mlpStride);
    } else {
        if (member.index() == 0)
            m_input = pointer<T>(m_inputs[0]), m_inputStride = mlpStride;
        member.barrier();
    }
    gateUp(member, block.gateUp, weights.gateUp, block.down.inFeatures() + rankOf(block.down));
    addTo(member, block.down, weights.down, block.mlpPostNorm, pointer<Real>(m_residual));
}

// The first member says where the next product's input lies; the barrier makes it known.
template <class T, class Real>
void DecodeStep<T, Real>::norm(TeamMember& member, const Norm& parameters, std::int64_t stride) {
    T* to = pointer<T>(m_inputs[0]);
    const Real* weight = parameters.defined() ? pointer<Real>(parameters.weight.compute) : nullptr;
    const auto epsilon = static_cast<Real>(m_config.normEpsilon);
    const auto [begin, end] = member.share(m_rows);
    const Real* x = pointer<Real>(m_residual) + begin * m_config.hiddenSize;
    auto* y = reinterpret_cast<Stored*>(to + begin * stride);
    Real* statistics = pointer<Real>(m_statistics) + 2 * begin;
    if (!parameters.defined())
        for (std::int64_t row = 0; row < end - begin; ++row)
            m_loops.narrow(x + row * m_config.hiddenSize, y + row * stride, m_config.hiddenSize);
    else if (m_config.norm == NormKind::LayerNorm)
        m_loops.layerNorm(x, weight, parameters.bias.defined() ? pointer<Real>(parameters.bias.compute) : nullptr, epsilon,
                          y, stride, statistics, statistics + (end - begin), end - begin, m_config.hiddenSize);
    else
        m_loops.rmsNorm(x, weight, epsilon, y, stride, statistics, end - begin, m_config.hiddenSize);
    if (member.index() == 0)
        m_input = to, m_inputStride = stride;
    member.barrier();
}

// x A^T into the columns behind x.
template <class T, class Real>
void DecodeStep<T, Real>::adapters(TeamMember& member, const Linear& linear) {
    const std::int64_t rank = rankOf(linear), in = linear.inFeatures();
    if (rank == 0)
        return;
    const auto [begin, end] = member.share(rank);
    decode::Product<T, Real> job;
    job.w = pointer<T>(linear.loraA), job.wStride = linear.loraA.stride(0), job.k = in;
    job.x = m_input, job.xStride = m_inputStride, job.rows = m_rows;
    job.y = pointer<Real>(m_product), job.yStride = rank;
    decode::product(job, begin, end);
    for (std::int64_t row = 0; row < m_rows; ++row)
        m_loops.narrow(job.y + row * rank + begin, reinterpret_cast<Stored*>(m_input + row * m_inputStride + in + begin),
                       end - begin);
    member.barrier();
}

template <class T, class Real>
void DecodeStep<T, Real>::prepareInput(TeamMember& member, std::int64_t k) {
    if constexpr (std::is_same_v<T, c10::BFloat16>) {
        if (!m_lanes)
            return;
        const auto [begin, end] = member.share((k + 1) / 2, 32);
        decode::packLanes(m_input, m_inputStride, m_rows, k, begin, end, pointer<T>(m_packed));
        member.barrier();
    }
}

template <class T, class Real>
void DecodeStep<T, Real>::multiply(TeamMember& member, const Linear* linear, const DecodeMatrix& matrix, std::int64_t begin,
                                   std::int64_t end, Target y) {
    const std::int64_t rank = linear ? rankOf(*linear) : 0;
    decode::Product<T, Real> job;
    const at::Tensor& weight = rank > 0 ? linear->augmented : matrix.plain;
    job.x = m_input, job.xStride = m_inputStride, job.rows = m_rows;
    job.y = y.data, job.yStride = y.width;
    if (!matrix.eightBit()) {
        job.w = pointer<T>(weight), job.wStride = weight.stride(0), job.k = weight.size(1);
        if constexpr (std::is_same_v<T, c10::BFloat16>) {
            if (m_lanes) {
                job.x = pointer<T>(m_packed);
                decode::productOfLanes(job, begin, end);
                return addBias(linear, begin, end, y);
            }
        }
        if (m_rows > kLibraryRows && m_model.settings().dtype != at::kDouble)
            kernels::multiply({y.data + begin, m_rows, end - begin, y.width, 1, m_model.masterType()},
                              {m_input, m_rows, job.k, m_inputStride, 1, m_model.settings().dtype},
                              kernels::MatrixRef{const_cast<T*>(job.w) + begin * job.wStride, end - begin, job.k, job.wStride, 1,
                                                 m_model.settings().dtype}
                                  .transposed());
        else
            decode::product(job, begin, end);
    }
    if constexpr (std::is_same_v<Real, float>) {
        if (matrix.eightBit()) {
            const std::int64_t width = matrix.groups() * decode::kEightBitGroup,
                               in = linear ? linear->inFeatures() : m_config.hiddenSize;
            float* wide = pointer<float>(m_wide) + member.index() * (m_wide.numel() / member.count());
            for (std::int64_t row = 0; row < m_rows; ++row) {
                m_loops.widen(reinterpret_cast<const Stored*>(m_input + row * m_inputStride), wide + row * width, in);
                std::fill(wide + row * width + in, wide + (row + 1) * width, 0.0f);
            }
            decode::product({matrix.codes.data_ptr<std::int8_t>(), matrix.scales.data_ptr<float>(), matrix.groups(), wide,
                             m_rows, y.data, y.width},
                            begin, end);
            if (rank > 0) {
                job.w = pointer<T>(weight) + in, job.wStride = weight.stride(0), job.k = rank;
                job.x = m_input + in, job.accumulate = true;
                decode::product(job, begin, end);
            }
        }
    }
    addBias(linear, begin, end, y);
}

template <class T, class Real>
void DecodeStep<T, Real>::addBias(const Linear* linear, std::int64_t begin, std::int64_t end, Target y) {
    if (linear && linear->bias.defined())
        for (std::int64_t row = 0; row < m_rows; ++row)
            m_loops.addWiden(pointer<Stored>(linear->bias.compute) + begin, y.data + row * y.width + begin, end - begin);
}

// residual += multiplier * postNorm(linear(m_input))
template <class T, class Real>
void DecodeStep<T, Real>::addTo(TeamMember& member, const Linear& linear, const DecodeMatrix& matrix,
                                const Norm& postNorm, Real* residual) {
    adapters(member, linear);
    prepareInput(member, m_inputStride);
    const std::int64_t width = linear.outFeatures();
    const auto [begin, end] = member.share(width, kOutputUnit);
    Real* product = pointer<Real>(m_product);
    multiply(member, &linear, matrix, begin, end, {product, width});
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
    Real* product = pointer<Real>(m_product);
    Real* statistics = pointer<Real>(m_statistics) + 2 * begin;
    const Real* weight = pointer<Real>(postNorm.weight.compute);
    const auto epsilon = static_cast<Real>(m_config.normEpsilon);
    for (std::int64_t row = begin; row < end; ++row) {
        Real* x = product + row * width;
        if (m_config.norm == NormKind::LayerNorm)
            m_realLoops.layerNorm(x, weight, pointer<Real>(postNorm.bias.compute), epsilon, x, width, statistics,
                                  statistics + 1, 1, width);
        else
            m_realLoops.rmsNorm(x, weight, epsilon, x, width, statistics, 1, width);
        if (m_config.residualMultiplier != 1.0)
            m_realLoops.scale(x, static_cast<Real>(m_config.residualMultiplier), width);
        m_realLoops.add(x, residual + row * width, width);
    }
    member.barrier();
}

// One task per sequence: heads are short.
template <class T, class Real>
void DecodeStep<T, Real>::qkNorm(TeamMember& member, const Block& block) {
    const std::int64_t width = m_config.queryWidth() + 2 * m_config.kvWidth();
    const auto epsilon = static_cast<Real>(m_config.normEpsilon);
    const auto apply = [&](const Norm& norm, Real* x, std::int64_t all) {
        const std::int64_t each = norm.weight.compute.size(0);
        Real statistics;
        for (std::int64_t at = 0; at < all; at += each)
            m_realLoops.rmsNorm(x + at, pointer<Real>(norm.weight.compute), epsilon, x + at, each, &statistics, 1, each);
    };
    const auto [begin, end] = member.share(m_rows);
    for (std::int64_t row = begin; row < end; ++row) {
        Real* line = pointer<Real>(m_qkv) + row * width;
        apply(block.queryNorm, line, m_config.queryWidth());
        apply(block.keyNorm, line + m_config.queryWidth(), m_config.kvWidth());
    }
    member.barrier();
}

template <class Real>
static void rotateHead(Real* head, const RopeTable<Real>& table, std::int64_t position, std::int64_t half) {
    const Real* cosines = table.cosines.data() + position * half;
    const Real* sines = table.sines.data() + position * half;
    for (std::int64_t i = 0; i < half; ++i) {
        const Real a = head[i], b = head[i + half];
        head[i] = a * cosines[i] - b * sines[i];
        head[i + half] = b * cosines[i] + a * sines[i];
    }
}

// One task per sequence and key/value head: rotate, append, attend.
template <class T, class Real>
void DecodeStep<T, Real>::attend(TeamMember& member, std::size_t layer) {
    const std::int64_t d = m_config.headDim, kvHeads = m_config.kvHeads, group = m_config.heads / kvHeads;
    const std::int64_t width = m_config.queryWidth() + 2 * m_config.kvWidth();
    const Linear& out = m_model.blocks[layer].attentionOut;
    const std::int64_t stride = out.inFeatures() + rankOf(out);
    Real* scores = pointer<Real>(m_scores) + member.index() * m_scoresPerMember;
    Real* attended = pointer<Real>(m_attended) + member.index() * m_attendedPerMember;
    T* to = pointer<T>(m_inputs[1]);
    const auto [begin, end] = member.share(m_rows * kvHeads);
    for (std::int64_t task = begin; task < end; ++task) {
        const std::int64_t row = task / kvHeads, head = task % kvHeads;
        KvCache<Real>& cache = *m_caches[static_cast<std::size_t>(row)];
        const std::int64_t position = cache.length() - 1;
        Real* line = pointer<Real>(m_qkv) + row * width;
        Real *query = line + head * group * d, *key = line + m_config.queryWidth() + head * d, *value = key + m_config.kvWidth();
        const bool local = m_config.isLocal(static_cast<std::int64_t>(layer));
        if (const RopeTable<Real>* rope = (local && cache.localRope ? cache.localRope : cache.rope).get()) {
            for (std::int64_t g = 0; g < group; ++g)
                rotateHead(query + g * d, *rope, position, d / 2);
            rotateHead(key, *rope, position, d / 2);
        }
        const std::int64_t offset = head * cache.capacity * d;
        auto* keys = pointer<Stored>(cache.keys[layer]) + offset;
        auto* values = pointer<Stored>(cache.values[layer]) + offset;
        m_loops.narrow(key, keys + position * d, d);
        m_loops.narrow(value, values + position * d, d);
        T* narrowQuery = reinterpret_cast<T*>(attended + group * d);
        m_loops.narrowScaled(query, reinterpret_cast<Stored*>(narrowQuery),
                             static_cast<Real>(m_config.attentionScale()), group * d);
        const std::int64_t first = local ? std::max<std::int64_t>(0, position + 1 - m_config.slidingWindow) : 0;
        const std::int64_t seen = position + 1 - first;
        keys += first * d, values += first * d;
        decode::Product<T, Real> job; // the scores: keys times the queries of the group
        job.w = reinterpret_cast<const T*>(keys), job.wStride = d, job.k = d;
        job.x = narrowQuery, job.xStride = d, job.rows = group;
        job.y = scores, job.yStride = seen;
        decode::product(job, 0, seen);
        if (m_config.attentionSoftCap > 0.0)
            m_realLoops.softCap(scores, static_cast<Real>(m_config.attentionSoftCap), group * seen);
        m_loops.attendScored(scores, seen, values, seen, group, d, attended);
        m_loops.narrow(attended, reinterpret_cast<Stored*>(to + row * stride + head * group * d), group * d);
    }
    if (member.index() == 0)
        m_input = to, m_inputStride = stride;
    member.barrier();
}

// The activation follows in the same stage: a member makes the gate and the up of the same columns.
template <class T, class Real>
void DecodeStep<T, Real>::gateUp(TeamMember& member, const Linear& linear, const DecodeMatrix& matrix,
                                 std::int64_t activatedStride) {
    adapters(member, linear);
    prepareInput(member, m_inputStride);
    const std::int64_t inner = m_config.intermediateSize, width = linear.outFeatures();
    const auto [begin, end] = member.share(inner, kOutputUnit);
    Real* product = pointer<Real>(m_product);
    multiply(member, &linear, matrix, begin, end, {product, width});
    if (m_config.gatedMlp)
        multiply(member, &linear, matrix, inner + begin, inner + end, {product, width});
    T* to = pointer<T>(m_inputs[1]);
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
    if (member.index() == 0)
        m_input = to, m_inputStride = activatedStride;
    member.barrier();
}

template class DecodeStep<double, double>;
template class DecodeStep<float, float>;
template class DecodeStep<c10::BFloat16, float>;

} // namespace attune
