#include "core/nn/decode_step.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/nn/kernels/matmul.h"
#include "core/nn/kernels/ops.h"

namespace attune {

namespace {

constexpr std::int64_t kLibraryRows = 16; // beyond, where there are no lanes, the library's products are faster
constexpr std::int64_t kOutputUnit = 16;
// Few sequences: attention in pieces of so many keys, so that threads share long texts evenly. The pieces of a row depend
// on its position alone, and so do its sums.
constexpr std::int64_t kPieceKeys = 128;
constexpr std::int64_t kUnpackedRows = 16; // of a packed layer at a time: they stay in the cache

std::int64_t wholeUnits(std::int64_t n, std::int64_t unit) { return (n + unit - 1) / unit * unit; }

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
void DecodeStep<T, Real>::plan(std::span<KvCache<Real>* const> caches, std::span<const std::int64_t> counts) {
    m_sequences.clear(), m_tasks.clear(), m_taskCosts.assign(1, 0), m_rowPositions.clear();
    m_longest = m_mostRows = 0;
    for (std::size_t i = 0; i < caches.size(); ++i) {
        const std::int64_t length = caches[i]->length(), first = length - counts[i];
        m_sequences.push_back({caches[i], static_cast<std::int64_t>(m_rowPositions.size()), counts[i], first});
        for (std::int64_t position = first; position < length; ++position)
            m_rowPositions.push_back(position);
        m_longest = std::max(m_longest, length), m_mostRows = std::max(m_mostRows, counts[i]);
    }
    m_rows = static_cast<std::int64_t>(m_rowPositions.size());
    const bool few = static_cast<std::int64_t>(caches.size()) <= kDotRows;
    m_lanes = std::is_same_v<T, c10::BFloat16> && !few && m_rows <= decode::kMostLaneRows && decode::lanesAreFaster() &&
              !m_weights.head.eightBit();
    m_pieceKeys = few ? kPieceKeys : wholeUnits(m_longest, 16);
    for (std::size_t i = 0; i < caches.size(); ++i)
        for (std::int64_t head = 0; head < m_config.kvHeads; ++head)
            for (std::int64_t begin = 0; begin < caches[i]->length(); begin += m_pieceKeys) {
                const std::int64_t end = std::min(begin + m_pieceKeys, caches[i]->length());
                m_tasks.push_back({static_cast<std::int64_t>(i), head, begin, end});
                m_taskCosts.push_back(m_taskCosts.back() + end - begin);
            }
}

template <class T, class Real>
void DecodeStep<T, Real>::reserve() {
    const at::ScalarType stored = m_model.settings().dtype, real = m_model.masterType();
    std::int64_t widest = 0, ranks = 0;
    for (const Block& block : m_model.blocks)
        for (const Linear* linear : {&block.qkv, &block.attentionOut, &block.gateUp, &block.down}) {
            widest = std::max({widest, linear->inFeatures(), linear->outFeatures()});
            ranks = std::max(ranks, linear->adapterRank());
        }
    const std::int64_t padded = (widest + ranks + 127) / 64 * 64, members = at::get_num_threads();
    const std::int64_t d = m_config.headDim, group = m_config.heads / m_config.kvHeads;
    m_inputWidth = padded;
    reserveElements(m_residual, m_rows * m_config.hiddenSize, real);
    for (at::Tensor& input : m_inputs)
        reserveElements(input, m_rows * padded, stored);
    reserveElements(m_ownInputs, members * m_rows * padded, stored);
    reserveElements(m_qkv, m_rows * (m_config.queryWidth() + 2 * m_config.kvWidth()), real);
    reserveElements(m_product, m_rows * padded, real);
    reserveElements(m_packed, wholeUnits(m_rows, decode::kLanes) * padded, stored);
    if (m_weights.head.eightBit())
        reserveElements(m_wide, members * m_rows * padded, at::kFloat);
    if (m_model.packed())
        reserveElements(m_unpacked, members * kUnpackedRows * padded, stored);
    reserveElements(m_statistics, members * 2 * m_rows, real);
    // Rows of scores begin at whole vectors: sums over them are then taken in the same order for every row.
    m_scoreStride = wholeUnits(std::min(m_pieceKeys, m_longest), 16);
    m_scoresPerMember = m_mostRows * group * m_scoreStride;
    m_attendedPerMember = wholeUnits((m_mostRows + 2) * group * (d + 1), 64);
    reserveElements(m_scores, members * m_scoresPerMember, real);
    reserveElements(m_attended, members * m_attendedPerMember, real);
    reserveElements(m_partials, m_rows * m_config.heads * piecesOf(m_longest - 1) * (d + 1), real);
    // A caller may still hold the last logits.
    if (!m_logits.defined() || m_logits.storage().use_count() > 1 || m_logits.size(0) < m_rows)
        m_logits = at::empty({m_rows, m_config.vocabularySize}, at::TensorOptions().dtype(real));
}

template <class T, class Real>
at::Tensor DecodeStep<T, Real>::run(std::span<KvCache<Real>* const> caches, std::span<const std::int64_t> counts) {
    plan(caches, counts);
    reserve();
    const std::int64_t hidden = m_config.hiddenSize;
    for (const Sequence& sequence : m_sequences)
        for (std::int64_t i = 0; i < sequence.rows; ++i) {
            const std::int64_t position = sequence.firstPosition + i;
            Real* x = pointer<Real>(m_residual) + (sequence.firstRow + i) * hidden;
            m_loops.widen(pointer<Stored>(m_model.embedding.compute) +
                              sequence.cache->ids[static_cast<std::size_t>(position)] * hidden,
                          x, hidden);
            if (m_config.embeddingMultiplier != 1.0)
                m_realLoops.scale(x, static_cast<Real>(m_config.embeddingMultiplier), hidden);
            if (m_model.positions.defined())
                m_loops.addWiden(pointer<Stored>(m_model.positions.compute) + position * hidden, x, hidden);
        }
    kernels::runTeam([&](TeamMember& member) {
        for (std::size_t index = 0; index < m_model.blocks.size(); ++index)
            layer(member, index);
        const Input input = norm(member, m_model.finalNorm, 0);
        prepareInput(member, input);
        const auto [begin, end] = member.share(m_config.vocabularySize, kOutputUnit);
        multiply(member, nullptr, m_weights.head, input, begin, end, {pointer<Real>(m_logits), m_config.vocabularySize});
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
    Input input = norm(member, block.attentionNorm, rankOf(block.qkv));
    adapters(member, block.qkv, input);
    prepareInput(member, input);
    const std::int64_t width = block.qkv.outFeatures();
    const auto [begin, end] = member.share(width, kOutputUnit);
    multiply(member, &block.qkv, weights.qkv, input, begin, end, {pointer<Real>(m_qkv), width});
    member.barrier();
    if (block.queryNorm.defined())
        qkNorm(member, block);

    const Norm& mlpNorm = block.mlpInputNorm(m_config.layout);
    const bool parallel = m_config.layout != BlockLayout::Sequential;
    Input mlpInput{};
    if (parallel) // reads the residuals before attention is added to them
        mlpInput = norm(member, mlpNorm, rankOf(block.gateUp), pointer<T>(m_inputs[2]));
    input = attend(member, index);
    addTo(member, block.attentionOut, weights.attentionOut, block.attentionPostNorm, input, pointer<Real>(m_residual));

    input = parallel ? mlpInput : norm(member, mlpNorm, rankOf(block.gateUp));
    input = gateUp(member, block.gateUp, weights.gateUp, input, block.down.inFeatures() + rankOf(block.down));
    addTo(member, block.down, weights.down, block.mlpPostNorm, input, pointer<Real>(m_residual));
}

template <class T, class Real>
T* DecodeStep<T, Real>::inputOf(const TeamMember& member, bool alone) const {
    return alone ? pointer<T>(m_ownInputs) + member.index() * m_rows * m_inputWidth : pointer<T>(m_inputs[0]);
}

template <class T, class Real>
typename DecodeStep<T, Real>::Input DecodeStep<T, Real>::norm(TeamMember& member, const Norm& parameters, std::int64_t rank,
                                                                T* place) {
    const bool byItself = !place && alone(rank);
    const Input to{place ? place : inputOf(member, byItself), m_config.hiddenSize + rank};
    const Real* weight = parameters.defined() ? pointer<Real>(parameters.weight.compute) : nullptr;
    const auto epsilon = static_cast<Real>(m_config.normEpsilon);
    auto [begin, end] = member.share(m_rows);
    if (byItself)
        begin = 0, end = m_rows;
    const Real* x = pointer<Real>(m_residual) + begin * m_config.hiddenSize;
    auto* y = reinterpret_cast<Stored*>(to.data + begin * to.stride);
    Real* statistics = pointer<Real>(m_statistics) + member.index() * 2 * m_rows;
    if (!parameters.defined())
        for (std::int64_t row = 0; row < end - begin; ++row)
            m_loops.narrow(x + row * m_config.hiddenSize, y + row * to.stride, m_config.hiddenSize);
    else if (m_config.norm == NormKind::LayerNorm)
        m_loops.layerNorm(x, weight, parameters.bias.defined() ? pointer<Real>(parameters.bias.compute) : nullptr, epsilon,
                          y, to.stride, statistics, statistics + m_rows, end - begin, m_config.hiddenSize);
    else
        m_loops.rmsNorm(x, weight, epsilon, y, to.stride, statistics, end - begin, m_config.hiddenSize);
    if (!byItself)
        member.barrier();
    return to;
}

// x A^T into the columns behind x.
template <class T, class Real>
void DecodeStep<T, Real>::adapters(TeamMember& member, const Linear& linear, Input input) {
    const std::int64_t rank = rankOf(linear), in = linear.inFeatures();
    if (rank == 0)
        return;
    const auto [begin, end] = member.share(rank);
    decode::Product<T, Real> job;
    job.w = pointer<T>(linear.loraA), job.wStride = linear.loraA.stride(0), job.k = in;
    job.x = input.data, job.xStride = input.stride, job.rows = m_rows;
    job.y = pointer<Real>(m_product), job.yStride = rank;
    decode::product(job, begin, end);
    for (std::int64_t row = 0; row < m_rows; ++row)
        m_loops.narrow(job.y + row * rank + begin, reinterpret_cast<Stored*>(input.data + row * input.stride + in + begin),
                       end - begin);
    member.barrier();
}

template <class T, class Real>
void DecodeStep<T, Real>::prepareInput(TeamMember& member, Input input) {
    if constexpr (std::is_same_v<T, c10::BFloat16>) {
        if (!m_lanes)
            return;
        const auto [begin, end] = member.share((input.stride + 1) / 2, 32);
        decode::packLanes(input.data, input.stride, m_rows, input.stride, begin, end, pointer<T>(m_packed));
        member.barrier();
    }
}

template <class T, class Real>
void DecodeStep<T, Real>::multiply(TeamMember& member, const Linear* linear, const DecodeMatrix& matrix, Input input,
                                   std::int64_t begin, std::int64_t end, Target y) {
    if (linear && linear->packed && !matrix.eightBit())
        return multiplyPacked(member, *linear, input, begin, end, y);
    const std::int64_t rank = linear ? rankOf(*linear) : 0;
    decode::Product<T, Real> job;
    const at::Tensor& weight = rank > 0 && !linear->packed ? linear->augmented : matrix.plain;
    job.x = input.data, job.xStride = input.stride, job.rows = m_rows;
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
                              {input.data, m_rows, job.k, input.stride, 1, m_model.settings().dtype},
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
                m_loops.widen(reinterpret_cast<const Stored*>(input.data + row * input.stride), wide + row * width, in);
                std::fill(wide + row * width + in, wide + (row + 1) * width, 0.0f);
            }
            decode::product({matrix.codes.data_ptr<std::int8_t>(), matrix.scales.data_ptr<float>(), matrix.groups(), wide,
                             m_rows, y.data, y.width},
                            begin, end);
            if (rank > 0) {
                job.w = pointer<T>(linear->scaledB), job.wStride = linear->scaledB.stride(0), job.k = rank;
                job.x = input.data + in, job.accumulate = true;
                decode::product(job, begin, end);
            }
        }
    }
    addBias(linear, begin, end, y);
}

// Some rows of the weight at a time into memory of this member's, the adapters' columns behind them.
template <class T, class Real>
void DecodeStep<T, Real>::multiplyPacked(TeamMember& member, const Linear& linear, Input input, std::int64_t begin,
                                         std::int64_t end, Target y) {
    const std::int64_t rank = rankOf(linear), in = linear.inFeatures(), k = in + rank;
    T* rows = pointer<T>(m_unpacked) + member.index() * (m_unpacked.numel() / member.count());
    decode::Product<T, Real> job;
    job.w = rows, job.wStride = k, job.k = k;
    job.x = input.data, job.xStride = input.stride, job.rows = m_rows;
    job.yStride = y.width;
    for (std::int64_t first = begin; first < end; first += kUnpackedRows) {
        const std::int64_t count = std::min(kUnpackedRows, end - first);
        linear.unpackRows(first, count, rows, k, m_model.settings().dtype);
        for (std::int64_t i = 0; i < count && rank > 0; ++i)
            std::copy_n(pointer<T>(linear.scaledB) + (first + i) * rank, rank, rows + i * k + in);
        job.y = y.data + first;
        if constexpr (std::is_same_v<T, c10::BFloat16>) {
            if (m_lanes) {
                job.x = pointer<T>(m_packed);
                decode::productOfLanes(job, 0, count);
                continue;
            }
        }
        decode::product(job, 0, count);
    }
    addBias(&linear, begin, end, y);
}

template <class T, class Real>
void DecodeStep<T, Real>::addBias(const Linear* linear, std::int64_t begin, std::int64_t end, Target y) {
    if (linear && linear->rowScale.defined() && rankOf(*linear) > 0) { // DoRA
        const Real* scale = pointer<Real>(linear->rowScale);
        for (std::int64_t row = 0; row < m_rows; ++row)
            for (std::int64_t o = begin; o < end; ++o)
                y.data[row * y.width + o] *= scale[o];
    }
    if (linear && linear->bias.defined())
        for (std::int64_t row = 0; row < m_rows; ++row)
            m_loops.addWiden(pointer<Stored>(linear->bias.compute) + begin, y.data + row * y.width + begin, end - begin);
}

// residual += multiplier * postNorm(linear(input))
template <class T, class Real>
void DecodeStep<T, Real>::addTo(TeamMember& member, const Linear& linear, const DecodeMatrix& matrix, const Norm& postNorm,
                                Input input, Real* residual) {
    adapters(member, linear, input);
    prepareInput(member, input);
    const std::int64_t width = linear.outFeatures();
    const auto [begin, end] = member.share(width, kOutputUnit);
    Real* product = pointer<Real>(m_product);
    multiply(member, &linear, matrix, input, begin, end, {product, width});
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
    Real statistics[2];
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

// One task per row: heads are short.
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
static void rotateHead(const Real* head, const RopeTable<Real>& table, std::int64_t position, std::int64_t half, Real* to) {
    const Real* cosines = table.cosines.data() + position * half;
    const Real* sines = table.sines.data() + position * half;
    for (std::int64_t i = 0; i < half; ++i) {
        const Real a = head[i], b = head[i + half];
        to[i] = a * cosines[i] - b * sines[i];
        to[i + half] = b * cosines[i] + a * sines[i];
    }
}

// The output over one piece, and behind it the logarithm of the sum of exponentials.
template <class T, class Real>
Real* DecodeStep<T, Real>::partial(std::int64_t row, std::int64_t head, std::int64_t piece) {
    return pointer<Real>(m_partials) +
           ((row * m_config.heads + head) * piecesOf(m_longest - 1) + piece) * (m_config.headDim + 1);
}

// Tasks of about the same number of keys for each member; then pieces of one row are put together (Dao et al. 2023,
// Flash-Decoding).
template <class T, class Real>
typename DecodeStep<T, Real>::Input DecodeStep<T, Real>::attend(TeamMember& member, std::size_t layer) {
    const Linear& out = m_model.blocks[layer].attentionOut;
    const std::int64_t rank = rankOf(out);
    const bool byItself = alone(rank);
    const Input shared{pointer<T>(m_inputs[0]), out.inFeatures() + rank};
    const auto firstOf = [&](std::int64_t index) {
        const std::int64_t keys = m_taskCosts.back() * index / member.count();
        return std::lower_bound(m_taskCosts.begin(), m_taskCosts.end(), keys) - m_taskCosts.begin();
    };
    const auto end = static_cast<std::size_t>(member.index() + 1 == member.count() ? static_cast<std::int64_t>(m_tasks.size())
                                                                                  : firstOf(member.index() + 1));
    for (auto task = static_cast<std::size_t>(firstOf(member.index())); task < end; ++task)
        attendTask(member, layer, m_tasks[task], shared);
    member.barrier();
    if (m_pieceKeys >= m_longest)
        return shared;
    auto [begin, last] = member.share(m_rows * m_config.heads);
    if (byItself)
        begin = 0, last = m_rows * m_config.heads;
    const Input to{inputOf(member, byItself), shared.stride};
    for (std::int64_t i = begin; i < last; ++i)
        merge(member, i / m_config.heads, i % m_config.heads, to);
    if (!byItself)
        member.barrier();
    return to;
}

// Rotate, append and attend: all new rows of the sequence for one key/value head and one piece of its keys.
template <class T, class Real>
void DecodeStep<T, Real>::attendTask(TeamMember& member, std::size_t layer, const Task& task, Input to) {
    const std::int64_t d = m_config.headDim, group = m_config.heads / m_config.kvHeads;
    const std::int64_t width = m_config.queryWidth() + 2 * m_config.kvWidth();
    const Sequence& sequence = m_sequences[static_cast<std::size_t>(task.sequence)];
    KvCache<Real>& cache = *sequence.cache;
    const bool local = m_config.isLocal(static_cast<std::int64_t>(layer));
    const RopeTable<Real>* rope = (local && cache.localRope ? cache.localRope : cache.rope).get();
    const std::int64_t offset = task.head * cache.capacity * d;
    auto* keys = pointer<Stored>(cache.keys[layer]) + offset;
    auto* values = pointer<Stored>(cache.values[layer]) + offset;
    Real* scores = pointer<Real>(m_scores) + member.index() * m_scoresPerMember;
    Real* attended = pointer<Real>(m_attended) + member.index() * m_attendedPerMember;
    Real* logarithms = attended + group * d;
    Real* rotated = logarithms + group;
    T* queries = reinterpret_cast<T*>(rotated + group * d);
    const std::int64_t firstRow = std::max<std::int64_t>(0, task.begin - sequence.firstPosition); // earlier ones end before
    for (std::int64_t row = firstRow; row < sequence.rows; ++row) {
        const std::int64_t position = sequence.firstPosition + row;
        const Real* line = pointer<Real>(m_qkv) + (sequence.firstRow + row) * width;
        const Real *query = line + task.head * group * d, *key = line + m_config.queryWidth() + task.head * d,
                   *value = key + m_config.kvWidth();
        if (position >= task.begin && position < task.end) {
            if (rope)
                rotateHead(key, *rope, position, d / 2, rotated);
            m_loops.narrow(rope ? rotated : key, keys + position * d, d);
            m_loops.narrow(value, values + position * d, d);
        }
        if (rope) {
            for (std::int64_t g = 0; g < group; ++g)
                rotateHead(query + g * d, *rope, position, d / 2, rotated + g * d);
            query = rotated;
        }
        m_loops.narrowScaled(query, reinterpret_cast<Stored*>(queries + (row - firstRow) * group * d),
                             static_cast<Real>(m_config.attentionScale()), group * d);
    }
    // Local layers see the last slidingWindow keys only.
    const auto firstKey = [&](std::int64_t position) {
        return local ? std::max(task.begin, position + 1 - m_config.slidingWindow) : task.begin;
    };
    const std::int64_t lowest = std::min(task.end, firstKey(sequence.firstPosition + firstRow));
    decode::Product<T, Real> job; // the scores: keys times the queries
    job.w = reinterpret_cast<const T*>(keys + task.begin * d), job.wStride = d, job.k = d;
    job.x = queries, job.xStride = d, job.rows = (sequence.rows - firstRow) * group;
    job.y = scores, job.yStride = m_scoreStride;
    decode::scores(job, lowest - task.begin, task.end - task.begin);
    for (std::int64_t row = firstRow; row < sequence.rows; ++row) {
        const std::int64_t position = sequence.firstPosition + row, at = sequence.firstRow + row;
        const std::int64_t first = firstKey(position), length = std::min(task.end, position + 1) - first;
        Real* rowScores = scores + (row - firstRow) * group * m_scoreStride + first - task.begin;
        if (m_config.attentionSoftCap > 0.0)
            for (std::int64_t g = 0; g < group && length > 0; ++g)
                m_realLoops.softCap(rowScores + g * m_scoreStride, static_cast<Real>(m_config.attentionSoftCap), length);
        if (length > 0) {
            m_loops.attendScored(rowScores, m_scoreStride, values + first * d, length, group, d, attended, logarithms);
        } else { // nothing of this piece
            std::fill(attended, attended + group * d, Real(0));
            std::fill(logarithms, logarithms + group, -std::numeric_limits<Real>::infinity());
        }
        if (m_pieceKeys >= m_longest) {
            m_loops.narrow(attended, reinterpret_cast<Stored*>(to.data + at * to.stride + task.head * group * d), group * d);
            continue;
        }
        for (std::int64_t g = 0; g < group; ++g) {
            Real* slot = partial(at, task.head * group + g, task.begin / m_pieceKeys);
            std::copy(attended + g * d, attended + (g + 1) * d, slot);
            slot[d] = logarithms[g];
        }
    }
}

template <class T, class Real>
void DecodeStep<T, Real>::merge(const TeamMember& member, std::int64_t row, std::int64_t head, Input to) {
    const std::int64_t d = m_config.headDim, pieces = piecesOf(m_rowPositions[static_cast<std::size_t>(row)]);
    auto* out = reinterpret_cast<Stored*>(to.data + row * to.stride + head * d);
    Real* first = partial(row, head, 0);
    if (pieces > 1) {
        Real largest = first[d], total = 0;
        for (std::int64_t piece = 1; piece < pieces; ++piece)
            largest = std::max(largest, partial(row, head, piece)[d]);
        Real* sums = pointer<Real>(m_attended) + member.index() * m_attendedPerMember;
        std::fill(sums, sums + d, Real(0));
        for (std::int64_t piece = 0; piece < pieces; ++piece) {
            const Real* from = partial(row, head, piece);
            const Real weight = std::exp(from[d] - largest);
            total += weight;
            for (std::int64_t i = 0; i < d; ++i)
                sums[i] += weight * from[i];
        }
        m_loops.narrowScaled(sums, out, Real(1) / total, d);
    } else {
        m_loops.narrow(first, out, d);
    }
}

// The activation follows in the same stage: a member makes the gate and the up of the same columns.
template <class T, class Real>
typename DecodeStep<T, Real>::Input DecodeStep<T, Real>::gateUp(TeamMember& member, const Linear& linear, const DecodeMatrix& matrix,
                                 Input input, std::int64_t activatedStride) {
    adapters(member, linear, input);
    prepareInput(member, input);
    const std::int64_t inner = m_config.intermediateSize, width = linear.outFeatures();
    const auto [begin, end] = member.share(inner, kOutputUnit);
    Real* product = pointer<Real>(m_product);
    multiply(member, &linear, matrix, input, begin, end, {product, width});
    if (m_config.gatedMlp)
        multiply(member, &linear, matrix, input, inner + begin, inner + end, {product, width});
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
    return {to, activatedStride};
}

template class DecodeStep<double, double>;
template class DecodeStep<float, float>;
template class DecodeStep<c10::BFloat16, float>;

} // namespace attune
