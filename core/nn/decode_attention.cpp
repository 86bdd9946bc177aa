#include "core/nn/decode_attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

namespace attune {

namespace {

// Few sequences: attention in pieces of so many keys, so that threads share long texts evenly. The pieces of a row depend
// on its position alone, and so do its sums.
constexpr std::int64_t kPieceKeys = 128;

template <class Real>
void rotateHead(const Real* head, const RopeTable<Real>& table, std::int64_t position, std::int64_t half, Real* to) {
    const Real* cosines = table.cosines.data() + position * half;
    const Real* sines = table.sines.data() + position * half;
    for (std::int64_t i = 0; i < half; ++i) {
        const Real a = head[i], b = head[i + half];
        to[i] = a * cosines[i] - b * sines[i];
        to[i + half] = b * cosines[i] + a * sines[i];
    }
}

} // namespace

template <class T, class Real>
DecodeAttention<T, Real>::DecodeAttention(const ModelConfig& config)
    : m_config(config), m_loops(kernels::kernelTable<Stored>(kernels::bestInstructionSet())),
      m_realLoops(kernels::kernelTable<Real>(kernels::bestInstructionSet())) {}

template <class T, class Real>
void DecodeAttention<T, Real>::plan(std::span<KvCache<Real>* const> caches, std::span<const std::int64_t> counts,
                                    at::ScalarType real) {
    m_sequences.clear(), m_tasks.clear(), m_taskCosts.assign(1, 0), m_rowPositions.clear();
    m_longest = m_mostRows = 0;
    for (std::size_t i = 0; i < caches.size(); ++i) {
        const std::int64_t length = caches[i]->length(), first = length - counts[i];
        m_sequences.push_back({caches[i], static_cast<std::int64_t>(m_rowPositions.size()), counts[i], first});
        for (std::int64_t position = first; position < length; ++position)
            m_rowPositions.push_back(position);
        m_longest = std::max(m_longest, length), m_mostRows = std::max(m_mostRows, counts[i]);
    }
    const bool few = static_cast<std::int64_t>(caches.size()) <= kDotRows;
    m_pieceKeys = few ? kPieceKeys : wholeUnits(m_longest, 16);
    for (std::size_t i = 0; i < caches.size(); ++i)
        for (std::int64_t head = 0; head < m_config.kvHeads; ++head)
            for (std::int64_t begin = 0; begin < caches[i]->length(); begin += m_pieceKeys) {
                const std::int64_t end = std::min(begin + m_pieceKeys, caches[i]->length());
                m_tasks.push_back({static_cast<std::int64_t>(i), head, begin, end});
                m_taskCosts.push_back(m_taskCosts.back() + end - begin);
            }
    const std::int64_t d = m_config.headDim, group = m_config.heads / m_config.kvHeads, members = at::get_num_threads();
    // Rows of scores begin at whole vectors: sums over them are then taken in the same order for every row.
    m_scoreStride = wholeUnits(std::min(m_pieceKeys, m_longest), 16);
    m_scoresPerMember = m_mostRows * group * m_scoreStride;
    m_attendedPerMember = wholeUnits((m_mostRows + 2) * group * (d + 1), 64);
    reserveElements(m_scores, members * m_scoresPerMember, real);
    reserveElements(m_attended, members * m_attendedPerMember, real);
    reserveElements(m_partials, rows() * m_config.heads * piecesOf(m_longest - 1) * (d + 1), real);
}

// The output over one piece, and behind it the logarithm of the sum of exponentials.
template <class T, class Real>
Real* DecodeAttention<T, Real>::partial(std::int64_t row, std::int64_t head, std::int64_t piece) {
    return pointerTo<Real>(m_partials) +
           ((row * m_config.heads + head) * piecesOf(m_longest - 1) + piece) * (m_config.headDim + 1);
}

// Tasks of about the same number of keys for each member; then pieces of one row are put together (Dao et al. 2023,
// Flash-Decoding).
template <class T, class Real>
T* DecodeAttention<T, Real>::attend(TeamMember& member, std::size_t layer, const Real* qkv, T* shared, T* own,
                                    std::int64_t stride) {
    const auto firstOf = [&](std::int64_t index) {
        const std::int64_t keys = m_taskCosts.back() * index / member.count();
        return std::lower_bound(m_taskCosts.begin(), m_taskCosts.end(), keys) - m_taskCosts.begin();
    };
    const auto end = static_cast<std::size_t>(member.index() + 1 == member.count() ? static_cast<std::int64_t>(m_tasks.size())
                                                                                  : firstOf(member.index() + 1));
    for (auto task = static_cast<std::size_t>(firstOf(member.index())); task < end; ++task)
        attendTask(member, layer, m_tasks[task], qkv, {shared, stride});
    member.barrier();
    if (m_pieceKeys >= m_longest)
        return shared;
    auto [begin, last] = member.share(rows() * m_config.heads);
    if (own)
        begin = 0, last = rows() * m_config.heads;
    const Output to{own ? own : shared, stride};
    for (std::int64_t i = begin; i < last; ++i)
        merge(member, i / m_config.heads, i % m_config.heads, to);
    if (!own)
        member.barrier();
    return to.data;
}

// Rotate, append and attend: all new rows of the sequence for one key/value head and one piece of its keys.
template <class T, class Real>
void DecodeAttention<T, Real>::attendTask(const TeamMember& member, std::size_t layer, const Task& task, const Real* qkv,
                                           Output to) {
    const std::int64_t d = m_config.headDim, group = m_config.heads / m_config.kvHeads;
    const std::int64_t width = m_config.queryWidth() + 2 * m_config.kvWidth();
    const Sequence& sequence = m_sequences[static_cast<std::size_t>(task.sequence)];
    KvCache<Real>& cache = *sequence.cache;
    const bool local = m_config.isLocal(static_cast<std::int64_t>(layer));
    const RopeTable<Real>* rope = (local && cache.localRope ? cache.localRope : cache.rope).get();
    const std::int64_t offset = task.head * cache.capacity * d;
    auto* keys = pointerTo<Stored>(cache.keys[layer]) + offset;
    auto* values = pointerTo<Stored>(cache.values[layer]) + offset;
    Real* scores = pointerTo<Real>(m_scores) + member.index() * m_scoresPerMember;
    Real* attended = pointerTo<Real>(m_attended) + member.index() * m_attendedPerMember;
    Real* logarithms = attended + group * d;
    Real* rotated = logarithms + group;
    T* queries = reinterpret_cast<T*>(rotated + group * d);
    const std::int64_t firstRow = std::max<std::int64_t>(0, task.begin - sequence.firstPosition); // earlier ones end before
    for (std::int64_t row = firstRow; row < sequence.rows; ++row) {
        const std::int64_t position = sequence.firstPosition + row;
        const Real* line = qkv + (sequence.firstRow + row) * width;
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
void DecodeAttention<T, Real>::merge(const TeamMember& member, std::int64_t row, std::int64_t head, Output to) {
    const std::int64_t d = m_config.headDim, pieces = piecesOf(m_rowPositions[static_cast<std::size_t>(row)]);
    auto* out = reinterpret_cast<Stored*>(to.data + row * to.stride + head * d);
    Real* first = partial(row, head, 0);
    if (pieces > 1) {
        Real largest = first[d], total = 0;
        for (std::int64_t piece = 1; piece < pieces; ++piece)
            largest = std::max(largest, partial(row, head, piece)[d]);
        Real* sums = pointerTo<Real>(m_attended) + member.index() * m_attendedPerMember;
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

template class DecodeAttention<double, double>;
template class DecodeAttention<float, float>;
template class DecodeAttention<c10::BFloat16, float>;

} // namespace attune
