#include "core/nn/kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include <ATen/ATen.h>

#include "core/nn/kernels/attention_bf16.h"
#include "core/nn/kernels/attention_plan.h"
#include "core/nn/kernels/dispatch.h"
#include "core/nn/kernels/matmul.h"

namespace attune::kernels {

namespace {

// Few product shapes, so that few primitives are made.
constexpr std::int64_t kRounding = 32;

template <class T>
struct Workspace {
    using A = typename Arithmetic<T>::Type;
    A *scores, *dScores, *output;    // [m, keys], [m, keys], [m, headDim]; keys: of one stretch
    A *largest, *totals, *deltas;    // [m]: the largest score and the sum so far; dO . o
    T *probabilities, *dNarrow, *dO; // [m, keys], [m, keys], [m, headDim]

    static std::int64_t bytes(std::int64_t m, std::int64_t keys, std::int64_t dim) {
        const auto a = static_cast<std::int64_t>(sizeof(A)), t = static_cast<std::int64_t>(sizeof(T));
        return roundUp(m * keys * 2 * (a + t) + m * dim * (a + t) + 3 * m * a, 4096);
    }
    Workspace(void* memory, std::int64_t m, std::int64_t keys, std::int64_t dim) {
        scores = static_cast<A*>(memory);
        dScores = scores + m * keys;
        output = dScores + m * keys;
        largest = output + m * dim;
        totals = largest + m;
        deltas = totals + m;
        probabilities = reinterpret_cast<T*>(deltas + m);
        dNarrow = probabilities + m * keys;
        dO = dNarrow + m * keys;
    }
};

template <class Element>
MatrixRef dense(const Element* data, std::int64_t rows, std::int64_t columns) {
    const at::ScalarType type = std::is_same_v<Element, Bf16>     ? at::kBFloat16
                                : std::is_same_v<Element, double> ? at::kDouble
                                                                  : at::kFloat;
    return {const_cast<Element*>(data), rows, columns, columns, 1, type};
}

void* atLeast(at::Tensor& tensor, std::int64_t elements, at::ScalarType type) {
    if (!tensor.defined() || tensor.numel() < elements || tensor.scalar_type() != type) {
        tensor = at::Tensor(); // the old memory goes before the new comes
        tensor = at::empty({elements}, at::TensorOptions().dtype(type));
    }
    return tensor.data_ptr();
}

// The keys [begin, end) of a stretch of n that a query sees.
struct Visible {
    std::int64_t begin, end;
};
Visible visibleKeys(const AttentionLayout& layout, std::int64_t visible, std::int64_t hidden, std::int64_t n) {
    const std::int64_t end = std::min(visible, n);
    return {layout.window > 0 ? std::clamp<std::int64_t>(hidden, 0, end) : 0, end};
}

// The first stretch in which a query at `position`, and so any later one, may see a key.
std::int64_t firstStretch(const AttentionLayout& layout, std::int64_t position) {
    const std::int64_t first = std::max<std::int64_t>(0, position + 1 - layout.window);
    return layout.window > 0 ? first / kAttentionStretch * kAttentionStretch : 0;
}

template <class T>
void forward(const AttentionLayout& layout, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
             const at::Tensor& o, const at::Tensor& logSumExp, AttentionScratch& scratch) {
    using A = typename Arithmetic<T>::Type;
    const KernelTable<T>& loops = kernelTable<T>(activeInstructionSet());
    const KernelTable<A>& realLoops = kernelTable<A>(activeInstructionSet());
    const std::int64_t workers = at::get_num_threads(), dim = layout.headDim, group = layout.group;
    const AttentionPlan plan = planAttention(layout, workers, kRounding);
    const std::int64_t m = plan.mostQueries * group, perWorker = Workspace<T>::bytes(m, plan.mostKeys, dim);
    char* memory = scratch.take(perWorker * workers);
    T* out = dataOf<T>(o);
    const std::int64_t outStride = o.stride(0);
    at::parallel_for(0, workers, 1, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t worker = first; worker < last; ++worker) {
            Workspace<T> work(memory + worker * perWorker, m, plan.mostKeys, dim);
            for (std::size_t i = plan.workerBegin[worker]; i < plan.workerBegin[worker + 1]; ++i) {
                const AttentionBlock& block = plan.blocks[i];
                const std::int64_t queries = (block.paddedEnd - block.begin) * group, keys = block.keys;
                const std::int64_t at = block.head * layout.tokens + block.rowBegin; // of k, v; times group of q
                const T* keyRows = dataOf<T>(k) + at * dim;
                const T* valueRows = dataOf<T>(v) + at * dim;
                const std::int64_t real = (block.end - block.begin) * group;
                std::fill_n(work.largest, queries, -std::numeric_limits<A>::infinity());
                std::fill_n(work.totals, queries, A(0));
                // n keys from row `key` on, of which query `row` of the block sees those before `visible(row)` and, with a
                // window, not the first `hidden(row)`.
                bool begun = false;
                const auto stretch = [&](const T* key, const T* value, std::int64_t n, auto&& visible, auto&& hidden) {
                    multiply(dense(work.scores, queries, n),
                             dense(dataOf<T>(q) + (at + block.begin) * group * dim, queries, dim),
                             dense(key, n, dim).transposed());
                    for (std::int64_t row = 0; row < queries; ++row) {
                        const Visible keys_ = visibleKeys(layout, visible(row), hidden(row), n);
                        A* scores = work.scores + row * n + keys_.begin;
                        T* probabilities = work.probabilities + row * n;
                        if (layout.softCap > 0)
                            realLoops.softCap(scores, static_cast<A>(layout.softCap), keys_.end - keys_.begin);
                        std::fill_n(probabilities, keys_.begin, T{});
                        const A correction = loops.softmaxStretch(scores, probabilities + keys_.begin, keys_.end - keys_.begin,
                                                                  n - keys_.begin, work.largest + row, work.totals + row);
                        if (begun && correction != A(1))
                            loops.scale(work.output + row * dim, correction, dim);
                    }
                    multiply(dense(work.output, queries, dim), dense(work.probabilities, queries, n),
                             dense(value, n, dim), begun);
                    begun = true;
                };
                const std::int64_t shared = block.head * layout.tokens * dim;
                const std::int64_t position = block.prefix + block.begin; // of the block's first query
                for (std::int64_t from = firstStretch(layout, position); from < block.prefix; from += kAttentionStretch)
                    stretch(
                        dataOf<T>(k) + shared + from * dim, dataOf<T>(v) + shared + from * dim,
                        std::min(kAttentionStretch, block.prefix - from), [](std::int64_t) { return kAttentionStretch; },
                        [&](std::int64_t row) { return position + row / group + 1 - layout.window - from; });
                for (std::int64_t from = firstStretch(layout, block.begin); from < keys; from += kAttentionStretch)
                    stretch(
                        keyRows + from * dim, valueRows + from * dim, std::min(kAttentionStretch, keys - from),
                        [&](std::int64_t row) { return block.begin + row / group + 1 - from; },
                        [&](std::int64_t row) { return block.begin + row / group + 1 - layout.window - from; });
                A* lse = dataOf<A>(logSumExp) + (at + block.begin) * group;
                for (std::int64_t row = 0; row < real; ++row) {
                    const A total = work.totals[row];
                    lse[row] = work.largest[row] + std::log(total);
                    loops.narrowScaled(work.output + row * dim,
                                       out + (block.rowBegin + block.begin + row / group) * outStride +
                                           (block.head * group + row % group) * dim,
                                       A(1) / total, dim);
                }
            }
        }
    });
}

// One block: its part of dk, dv into the share's slot (`fresh`: overwriting), its dq complete.
template <class T>
void backwardBlock(const AttentionLayout& layout, const AttentionBlock& block, const Workspace<T>& work, bool fresh, const T* q,
                   const T* keyRows, const T* valueRows, const T* o, std::int64_t oStride, const T* dO,
                   std::int64_t dOStride, const typename Arithmetic<T>::Type* lse, T* dq,
                   typename Arithmetic<T>::Type* dk, typename Arithmetic<T>::Type* dv) {
    using A = typename Arithmetic<T>::Type;
    const KernelTable<T>& loops = kernelTable<T>(activeInstructionSet());
    const KernelTable<A>& realLoops = kernelTable<A>(activeInstructionSet());
    const std::int64_t dim = layout.headDim, group = layout.group, keys = block.keys;
    const std::int64_t queries = (block.paddedEnd - block.begin) * group, real = (block.end - block.begin) * group;
    for (std::int64_t row = 0; row < real; ++row) {
        const std::int64_t token = block.rowBegin + block.begin + row / group, head = block.head * group + row % group;
        std::memcpy(work.dO + row * dim, dO + token * dOStride + head * dim, static_cast<std::size_t>(dim) * sizeof(T));
    }
    std::memset(static_cast<void*>(work.dO + real * dim), 0,
                static_cast<std::size_t>((queries - real) * dim) * sizeof(T));
    for (std::int64_t row = 0; row < real; ++row) {
        const std::int64_t token = block.rowBegin + block.begin + row / group, head = block.head * group + row % group;
        work.deltas[row] = loops.dot(work.dO + row * dim, o + token * oStride + head * dim, dim);
    }
    const std::int64_t firstKey = firstStretch(layout, block.begin);
    if (firstKey > 0 && fresh) { // keys out of everybody's sight
        std::fill_n(dk, keys * dim, A(0));
        std::fill_n(dv, keys * dim, A(0));
        fresh = false;
    }
    for (std::int64_t from = firstKey; from < keys; from += kAttentionStretch) {
        const std::int64_t n = std::min(kAttentionStretch, keys - from);
        multiply(dense(work.scores, queries, n), dense(q, queries, dim),
                 dense(keyRows + from * dim, n, dim).transposed());
        multiply(dense(work.dScores, queries, n), dense(work.dO, queries, dim),
                 dense(valueRows + from * dim, n, dim).transposed());
        for (std::int64_t row = 0; row < queries; ++row) { // rows of padding: all probabilities zero
            const std::int64_t position = block.begin + row / group;
            const Visible seen = row < real ? visibleKeys(layout, position + 1 - from, position + 1 - layout.window - from, n)
                                            : Visible{0, 0};
            A* scores = work.scores + row * n + seen.begin;
            T *p = work.probabilities + row * n, *ds = work.dNarrow + row * n;
            const std::int64_t count = seen.end - seen.begin;
            if (layout.softCap > 0)
                realLoops.softCap(scores, static_cast<A>(layout.softCap), count);
            std::fill_n(p, seen.begin, T{});
            std::fill_n(ds, seen.begin, T{});
            loops.softmaxRowBackward(scores, work.dScores + row * n + seen.begin, row < real ? lse[row] : A(0),
                                     row < real ? work.deltas[row] : A(0), p + seen.begin, ds + seen.begin, count,
                                     n - seen.begin);
            if (layout.softCap > 0)
                loops.softCapGradient(scores, ds + seen.begin, static_cast<A>(layout.softCap), count);
        }
        const MatrixRef probabilities = dense(work.probabilities, queries, n), dScores = dense(work.dNarrow, queries, n);
        multiply(dense(dv + from * dim, n, dim), probabilities.transposed(), dense(work.dO, queries, dim), !fresh);
        multiply(dense(dk + from * dim, n, dim), dScores.transposed(), dense(q, queries, dim), !fresh);
        multiply(dense(work.output, queries, dim), dScores, dense(keyRows + from * dim, n, dim), from > firstKey);
    }
    loops.narrow(work.output, dq, real * dim);
}

template <class T>
void backward(const AttentionLayout& layout, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
              const at::Tensor& o, const at::Tensor& dO, const at::Tensor& logSumExp, const at::Tensor& dq,
              const at::Tensor& dk, const at::Tensor& dv, AttentionScratch& scratch) {
    using A = typename Arithmetic<T>::Type;
    const std::int64_t workers = at::get_num_threads(), dim = layout.headDim, group = layout.group;
    const AttentionPlan plan = planAttention(layout, workers, kRounding);
    const std::int64_t m = plan.mostQueries * group, perWorker = Workspace<T>::bytes(m, plan.mostKeys, dim);
    char* memory = scratch.take(perWorker * workers);
    A* slots = static_cast<A*>(scratch.takeSlots(2 * plan.slotRows * dim, dk.scalar_type()));
    at::parallel_for(0, workers, 1, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t worker = first; worker < last; ++worker) {
            const Workspace<T> work(memory + worker * perWorker, m, plan.mostKeys, dim);
            for (std::size_t i = plan.workerBegin[worker]; i < plan.workerBegin[worker + 1]; ++i) {
                const AttentionBlock& block = plan.blocks[i];
                const std::int64_t at = block.head * layout.tokens + block.rowBegin,
                                   atQuery = (at + block.begin) * group;
                A* slot = slots + plan.shares[plan.blockShare[i]].slot * dim;
                backwardBlock<T>(layout, block, work, plan.beginsShare(i), dataOf<T>(q) + atQuery * dim, dataOf<T>(k) + at * dim,
                                 dataOf<T>(v) + at * dim, dataOf<T>(o), o.stride(0), dataOf<T>(dO), dO.stride(0),
                                 dataOf<A>(logSumExp) + atQuery, dataOf<T>(dq) + atQuery * dim, slot,
                                 slot + plan.slotRows * dim);
            }
        }
    });
    // Slots -> dk, dv: the shares of a segment lie next to each other, added in order.
    const std::int64_t packedEnd = layout.rowStarts.back();
    for (std::int64_t head = 0; head < layout.kvHeads; ++head) {
        const std::int64_t begin = (head * layout.tokens + packedEnd) * dim, count = (layout.tokens - packedEnd) * dim;
        std::fill_n(dataOf<A>(dk) + begin, count, A(0));
        std::fill_n(dataOf<A>(dv) + begin, count, A(0));
        std::fill_n(dataOf<T>(dq) + begin * group, count * group, T{});
    }
    const KernelTable<T>& loops = kernelTable<T>(activeInstructionSet());
    at::parallel_for(
        0, static_cast<std::int64_t>(plan.segmentBegin.size()) - 1, 4, [&](std::int64_t first, std::int64_t last) {
            for (std::int64_t s = first; s < last; ++s)
                for (std::size_t share = plan.segmentBegin[s]; share < plan.segmentBegin[s + 1]; ++share) {
                    const AttentionShare& part = plan.shares[share];
                    const std::int64_t row = part.segment / layout.kvHeads, head = part.segment % layout.kvHeads;
                    const std::int64_t length = layout.rowStarts[row + 1] - layout.rowStarts[row];
                    const std::int64_t to = (head * layout.tokens + layout.rowStarts[row]) * dim;
                    const std::int64_t count = std::min(length, part.keys) * dim;
                    for (const auto& [from, target] :
                         {std::pair(slots + part.slot * dim, dataOf<A>(dk) + to),
                          std::pair(slots + (plan.slotRows + part.slot) * dim, dataOf<A>(dv) + to)}) {
                        if (share == plan.segmentBegin[s]) // the first share holds the longest block: every key of the row
                            std::memcpy(target, from, static_cast<std::size_t>(count) * sizeof(A));
                        else
                            loops.add(from, target, count);
                    }
                }
        });
}

} // namespace

char* AttentionScratch::take(std::int64_t count) {
    return static_cast<char*>(atLeast(bytes, count, at::kByte));
}

void* AttentionScratch::takeSlots(std::int64_t count, at::ScalarType type) {
    return atLeast(slots, count, type);
}

void attentionForward(const AttentionLayout& layout, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                      const at::Tensor& o, const at::Tensor& logSumExp, AttentionScratch& scratch) {
    if (!q.is_cpu())
        return reference::attentionForward(layout, q, k, v, o, logSumExp);
    if (bf16::canAttend(layout, q))
        return bf16::attentionForward(layout, q, k, v, o, logSumExp, scratch);
    withStorage(q.scalar_type(), [&]<class T>(T) { forward<T>(layout, q, k, v, o, logSumExp, scratch); });
}

void attentionBackward(const AttentionLayout& layout, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const at::Tensor& o, const at::Tensor& dO, const at::Tensor& logSumExp, const at::Tensor& dq,
                       const at::Tensor& dk, const at::Tensor& dv, AttentionScratch& scratch) {
    if (!q.is_cpu())
        return reference::attentionBackward(layout, q, k, v, o, dO, logSumExp, dq, dk, dv);
    if (bf16::canAttend(layout, q))
        return bf16::attentionBackward(layout, q, k, v, o, dO, logSumExp, dq, dk, dv, scratch);
    withStorage(q.scalar_type(),
                [&]<class T>(T) { backward<T>(layout, q, k, v, o, dO, logSumExp, dq, dk, dv, scratch); });
}

} // namespace attune::kernels
