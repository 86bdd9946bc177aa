#include "core/nn/kernels/attention_bf16.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/nn/kernels/attention_plan.h"
#include "core/nn/kernels/attention_softmax_bf16.h"
#include "core/nn/kernels/dispatch.h"
#include "core/nn/kernels/tile_products.h"

namespace attune::kernels::bf16 {

#if defined(__x86_64__)

namespace {

using tiles::Element;
using tiles::kPanel;
using tiles::kRows;
using tiles::TileProduct;

// Keys of a backward stretch: p and ds of all queries of a block have to stay in the second-level cache.
constexpr std::int64_t kGradientStretch = 128;

// Memory handed out in pieces of whole cache lines.
class Carver {
public:
    explicit Carver(char* memory) : m_memory(memory) {}
    template <class E>
    E* take(std::int64_t elements) {
        E* piece = reinterpret_cast<E*>(m_memory + m_used);
        m_used += roundUp(elements * static_cast<std::int64_t>(sizeof(E)), 64);
        return piece;
    }
    std::int64_t used() const { return m_used; }

private:
    char* m_memory;
    std::int64_t m_used = 0;
};

// Keys or values of one row and head as panels. `byFeature`: [panel of keys][headDim / 2][kPanel][2], for products over
// headDim; `byKey`: [panel of headDim][keys / 2][kPanel][2], for products over keys.
struct Panels {
    Element *byFeature = nullptr, *byKey = nullptr;
    std::int64_t pairs = 0; // pairs of keys

    void packByFeature(const Element* from, std::int64_t keys, std::int64_t dim) {
        tiles::packTransposed(from, keys, dim, byFeature);
    }
    void packByKey(const Element* from, std::int64_t keys, std::int64_t dim) {
        pairs = (keys + 1) / 2;
        for (std::int64_t column = 0; column < dim; column += kPanel)
            tiles::interleaveRows(from + column, dim, keys, std::min(kPanel, dim - column),
                                  byKey + column * pairs * 2, 2 * kPanel);
    }
    const Element* featurePanel(std::int64_t key, std::int64_t dim) const { return byFeature + key * dim; }
    const Element* keyPanel(std::int64_t column, std::int64_t key) const {
        return byKey + column * pairs * 2 + key * kPanel;
    }
};

std::int64_t featureElements(std::int64_t keys, std::int64_t dim) {
    return roundUp(keys, kPanel) * dim;
}
std::int64_t keyElements(std::int64_t keys, std::int64_t dim) {
    return roundUp(keys, 2) * roundUp(dim, kPanel);
}

// Where a block's keys and queries lie.
struct Place {
    std::int64_t keys, queries; // first row of k, v; of q (times group)
};
Place placeOf(const AttentionLayout& layout, const AttentionBlock& block) {
    const std::int64_t at = block.head * layout.tokens + block.rowBegin;
    return {at, (at + block.begin) * layout.group};
}

std::int64_t longestRow(const AttentionLayout& layout) {
    std::int64_t longest = 0;
    for (std::size_t row = 0; row + 1 < layout.rowStarts.size(); ++row)
        longest = std::max<std::int64_t>(longest, layout.rowStarts[row + 1] - layout.rowStarts[row]);
    return longest;
}

struct ForwardWork {
    Panels own, prefix;
    float *scores, *output, *largest, *totals, *corrections; // [kRows, stretch], [queries, headDim], [queries] ...
    Element* probabilities;                                  // [kRows, stretch]

    ForwardWork(Carver& memory, const AttentionLayout& layout, std::int64_t queries, std::int64_t longest) {
        const std::int64_t dim = layout.headDim;
        own.byFeature = memory.take<Element>(featureElements(longest, dim));
        own.byKey = memory.take<Element>(keyElements(longest, dim));
        const std::int64_t shared = layout.firstRowIsPrefix ? layout.rowStarts[1] - layout.rowStarts[0] : 0;
        prefix.byFeature = memory.take<Element>(featureElements(shared, dim));
        prefix.byKey = memory.take<Element>(keyElements(shared, dim));
        scores = memory.take<float>(kRows * kAttentionStretch);
        output = memory.take<float>(queries * dim);
        largest = memory.take<float>(queries);
        totals = memory.take<float>(queries);
        corrections = memory.take<float>(kRows);
        probabilities = memory.take<Element>(kRows * kAttentionStretch);
    }
};

// Adds keys [from, from + n) of `panels` to the outputs of a block's queries; query `row` sees the first `visible(row)`
// of them.
template <class Visible>
void forwardStretch(const ForwardWork& work, const Panels& panels, std::int64_t from, std::int64_t n, const Element* q,
                    std::int64_t queries, std::int64_t dim, bool begun, Visible&& visible) {
    for (std::int64_t first = 0; first < queries; first += kRows) {
        const std::int64_t rows = std::min(kRows, queries - first);
        const std::int64_t limit = std::min(n, visible(first + rows - 1));
        TileProduct scores;
        scores.cStride = kAttentionStretch;
        scores.a = q + first * dim, scores.aRow = dim, scores.pairs = dim / 2;
        for (std::int64_t key = 0; key < limit; key += kPanel) {
            scores.c = work.scores + key;
            scores.b = panels.featurePanel(from + key, dim);
            tiles::multiplyTile(scores, rows, std::min(kPanel, limit - key));
        }
        for (std::int64_t r = 0; r < rows; ++r)
            work.corrections[r] = softmaxRow(work.scores + r * kAttentionStretch,
                                             work.probabilities + r * kAttentionStretch,
                                             std::min(limit, visible(first + r)), roundUp(limit, 2),
                                             work.largest + first + r, work.totals + first + r);
        TileProduct output;
        output.cStride = dim;
        output.accumulate = begun, output.scale = work.corrections;
        output.a = work.probabilities, output.aRow = kAttentionStretch, output.pairs = (limit + 1) / 2;
        for (std::int64_t column = 0; column < dim; column += kPanel) {
            output.c = work.output + first * dim + column;
            output.b = panels.keyPanel(column, from);
            tiles::multiplyTile(output, rows, std::min(kPanel, dim - column));
        }
    }
}

struct GradientWork {
    Panels keys, values;
    float *scores, *dScores, *dq, *deltas;              // [kRows, kPanel] twice, [queries, headDim], [queries]
    Element *qPairs, *dOPairs;                          // [queries / 2, headDim, 2]
    Element *dO;                                        // [queries, headDim]
    Element *probabilityPairs, *gradientPairs, *gradient; // [panel][queries / 2][kPanel][2] twice; [queries, stretch]

    GradientWork(Carver& memory, std::int64_t dim, std::int64_t queries, std::int64_t longest) {
        const std::int64_t even = roundUp(queries, 2);
        keys.byFeature = memory.take<Element>(featureElements(longest, dim));
        keys.byKey = memory.take<Element>(keyElements(longest, dim));
        values.byFeature = memory.take<Element>(featureElements(longest, dim));
        scores = memory.take<float>(kRows * kPanel);
        dScores = memory.take<float>(kRows * kPanel);
        dq = memory.take<float>(queries * dim);
        deltas = memory.take<float>(queries);
        qPairs = memory.take<Element>(even * dim);
        dOPairs = memory.take<Element>(even * dim);
        dO = memory.take<Element>(queries * dim);
        probabilityPairs = memory.take<Element>(even * kGradientStretch);
        gradientPairs = memory.take<Element>(even * kGradientStretch);
        gradient = memory.take<Element>((even + 1) * kGradientStretch);
    }
};

struct GradientBlock {
    const AttentionLayout& layout;
    const AttentionBlock& block;
    const GradientWork& work;
    std::int64_t queries; // of all heads of the group
    const Element* q;
    const float* logSumExp;

    std::int64_t visible(std::int64_t row) const { return block.begin + row / layout.group + 1; }
};

// Probabilities and score gradients of all queries with keys [key, key + columns); rows before `firstRow` see none of
// them. `in`: the panel's place in the stretch.
void gradientTile(const GradientBlock& job, std::int64_t key, std::int64_t columns, std::int64_t in,
                  std::int64_t firstRow) {
    const std::int64_t dim = job.layout.headDim, even = roundUp(job.queries, 2);
    const GradientWork& work = job.work;
    for (std::int64_t first = firstRow; first < job.queries; first += kRows) {
        const std::int64_t rows = std::min(kRows, job.queries - first);
        TileProduct product;
        product.c = work.scores, product.cStride = kPanel;
        product.a = job.q + first * dim, product.aRow = dim, product.pairs = dim / 2;
        product.b = work.keys.featurePanel(key, dim);
        tiles::multiplyTile(product, rows, columns);
        product.c = work.dScores;
        product.a = work.dO + first * dim;
        product.b = work.values.featurePanel(key, dim);
        tiles::multiplyTile(product, rows, columns);
        for (std::int64_t r = 0; r < rows; r += 2) {
            const std::int64_t row = first + r, place = (in * even + row * kPanel);
            const bool both = r + 1 < rows;
            softmaxGradient({{work.scores + r * kPanel, work.scores + (r + both) * kPanel},
                             {work.dScores + r * kPanel, work.dScores + (r + both) * kPanel},
                             {job.logSumExp[row], job.logSumExp[row + both]},
                             {work.deltas[row], work.deltas[row + both]},
                             {job.visible(row) - key, both ? job.visible(row + 1) - key : 0},
                             work.probabilityPairs + place,
                             work.gradientPairs + place,
                             {work.gradient + row * kGradientStretch + in, work.gradient + (row + 1) * kGradientStretch + in}},
                            roundUp(columns, 16));
        }
    }
}

// One block: its part of dk, dv into the share's slots [panel of keys][headDim][kPanel] (`fresh`: overwriting), its dq
// complete in work.dq.
void gradientOfBlock(const GradientBlock& job, bool fresh, float* dk, float* dv) {
    const std::int64_t dim = job.layout.headDim, even = roundUp(job.queries, 2), keys = job.block.end;
    const GradientWork& work = job.work;
    for (std::int64_t from = 0; from < keys; from += kGradientStretch) {
        const std::int64_t n = std::min(kGradientStretch, keys - from);
        for (std::int64_t in = 0; in < n; in += kPanel) {
            const std::int64_t key = from + in, columns = std::min(kPanel, n - in);
            // The first query that sees the panel's first key, in whole tiles.
            const std::int64_t firstRow =
                std::max<std::int64_t>(0, key - job.block.begin) * job.layout.group / kRows * kRows;
            gradientTile(job, key, columns, in, firstRow);
            TileProduct product;
            product.cStride = kPanel;
            product.accumulate = !fresh;
            product.aRow = 2, product.aStep = 2 * dim;
            product.pairs = (job.queries - firstRow + 1) / 2;
            product.c = dv + key * dim;
            product.a = work.dOPairs + firstRow * dim;
            product.b = work.probabilityPairs + in * even + firstRow * kPanel;
            tiles::multiplyPanel(product, dim, columns);
            product.c = dk + key * dim;
            product.a = work.qPairs + firstRow * dim;
            product.b = work.gradientPairs + in * even + firstRow * kPanel;
            tiles::multiplyPanel(product, dim, columns);
        }
        for (std::int64_t first = 0; first < job.queries; first += kRows) {
            const std::int64_t rows = std::min(kRows, job.queries - first);
            const std::int64_t limit = std::min(n, job.visible(first + rows - 1) - from);
            if (limit <= 0)
                continue;
            TileProduct product;
            product.cStride = dim;
            product.accumulate = from > 0;
            product.a = work.gradient + first * kGradientStretch, product.aRow = kGradientStretch;
            product.pairs = (limit + 1) / 2;
            for (std::int64_t column = 0; column < dim; column += kPanel) {
                product.c = work.dq + first * dim + column;
                product.b = work.keys.keyPanel(column, from);
                tiles::multiplyTile(product, rows, std::min(kPanel, dim - column));
            }
        }
    }
}

template <class Work>
std::int64_t workBytes(const auto&... arguments) {
    Carver counting(nullptr);
    Work(counting, arguments...);
    return roundUp(counting.used(), 4096);
}

} // namespace

bool canAttend(const AttentionLayout& layout, const at::Tensor& q) {
    static const bool able = cpuHasFastBf16() && activeInstructionSet() == InstructionSet::Avx512;
    return able && q.scalar_type() == at::kBFloat16 && layout.headDim % 16 == 0 && layout.window == 0 &&
           layout.softCap == 0.0;
}

void attentionForward(const AttentionLayout& layout, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                      const at::Tensor& o, const at::Tensor& logSumExp, AttentionScratch& scratch) {
    const KernelTable<Bf16>& loops = kernelTable<Bf16>(activeInstructionSet());
    const std::int64_t workers = at::get_num_threads(), dim = layout.headDim, group = layout.group;
    const AttentionPlan plan = planAttention(layout, workers, 1);
    const std::int64_t queries = plan.mostQueries * group, longest = longestRow(layout);
    const std::int64_t perWorker = workBytes<ForwardWork>(layout, queries, longest);
    char* memory = scratch.take(perWorker * workers);
    const auto* keys = dataOf<Element>(k);
    const auto* values = dataOf<Element>(v);
    at::parallel_for(0, workers, 1, [&](std::int64_t firstWorker, std::int64_t lastWorker) {
        for (std::int64_t worker = firstWorker; worker < lastWorker; ++worker) {
            Carver carver(memory + worker * perWorker);
            ForwardWork work(carver, layout, queries, longest);
            std::int64_t packedPrefix = -1;
            for (std::size_t i = plan.workerBegin[worker]; i < plan.workerBegin[worker + 1]; ++i) {
                const AttentionBlock& block = plan.blocks[i];
                const Place at = placeOf(layout, block);
                if (i == plan.workerBegin[worker] || plan.beginsShare(i)) {
                    work.own.packByFeature(keys + at.keys * dim, block.end, dim);
                    work.own.packByKey(values + at.keys * dim, block.end, dim);
                }
                if (block.prefix > 0 && packedPrefix != block.head) {
                    const std::int64_t shared = block.head * layout.tokens * dim;
                    work.prefix.packByFeature(keys + shared, block.prefix, dim);
                    work.prefix.packByKey(values + shared, block.prefix, dim);
                    packedPrefix = block.head;
                }
                const std::int64_t count = (block.end - block.begin) * group;
                std::fill_n(work.largest, count, -std::numeric_limits<float>::infinity());
                std::fill_n(work.totals, count, 0.0f);
                const Element* query = dataOf<Element>(q) + at.queries * dim;
                bool begun = false;
                for (std::int64_t from = 0; from < block.prefix; from += kAttentionStretch, begun = true)
                    forwardStretch(work, work.prefix, from, std::min(kAttentionStretch, block.prefix - from), query,
                                   count, dim, begun, [](std::int64_t) { return kAttentionStretch; });
                for (std::int64_t from = 0; from < block.end; from += kAttentionStretch, begun = true)
                    forwardStretch(work, work.own, from, std::min(kAttentionStretch, block.end - from), query, count,
                                   dim, begun, [&](std::int64_t row) { return block.begin + row / group + 1 - from; });
                float* lse = dataOf<float>(logSumExp) + at.queries;
                for (std::int64_t row = 0; row < count; ++row) {
                    lse[row] = work.largest[row] + std::log(work.totals[row]);
                    loops.narrowScaled(work.output + row * dim,
                                       dataOf<Bf16>(o) + (block.rowBegin + block.begin + row / group) * o.stride(0) +
                                           (block.head * group + row % group) * dim,
                                       1.0f / work.totals[row], dim);
                }
            }
        }
    });
}

void attentionBackward(const AttentionLayout& layout, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const at::Tensor& o, const at::Tensor& dO, const at::Tensor& logSumExp, const at::Tensor& dq,
                       const at::Tensor& dk, const at::Tensor& dv, AttentionScratch& scratch) {
    const KernelTable<Bf16>& loops = kernelTable<Bf16>(activeInstructionSet());
    const std::int64_t workers = at::get_num_threads(), dim = layout.headDim, group = layout.group;
    const AttentionPlan plan = planAttention(layout, workers, kPanel);
    const std::int64_t queries = plan.mostQueries * group, longest = longestRow(layout);
    const std::int64_t perWorker = workBytes<GradientWork>(dim, queries, longest);
    char* memory = scratch.take(perWorker * workers);
    float* slots = static_cast<float*>(scratch.takeSlots(2 * plan.slotRows * dim, at::kFloat));
    at::parallel_for(0, workers, 1, [&](std::int64_t firstWorker, std::int64_t lastWorker) {
        for (std::int64_t worker = firstWorker; worker < lastWorker; ++worker) {
            Carver carver(memory + worker * perWorker);
            GradientWork work(carver, dim, queries, longest);
            for (std::size_t i = plan.workerBegin[worker]; i < plan.workerBegin[worker + 1]; ++i) {
                const AttentionBlock& block = plan.blocks[i];
                const Place at = placeOf(layout, block);
                if (plan.beginsShare(i)) {
                    work.keys.packByFeature(dataOf<Element>(k) + at.keys * dim, block.end, dim);
                    work.keys.packByKey(dataOf<Element>(k) + at.keys * dim, block.end, dim);
                    work.values.packByFeature(dataOf<Element>(v) + at.keys * dim, block.end, dim);
                }
                const GradientBlock job{layout, block, work, (block.end - block.begin) * group,
                                        dataOf<Element>(q) + at.queries * dim, dataOf<float>(logSumExp) + at.queries};
                for (std::int64_t row = 0; row < job.queries; ++row) {
                    const std::int64_t token = block.rowBegin + block.begin + row / group;
                    const std::int64_t column = (block.head * group + row % group) * dim;
                    const Bf16* gradient = dataOf<Bf16>(dO) + token * dO.stride(0) + column;
                    std::memcpy(static_cast<void*>(work.dO + row * dim), gradient,
                                static_cast<std::size_t>(dim) * sizeof(Element));
                    work.deltas[row] = loops.dot(gradient, dataOf<Bf16>(o) + token * o.stride(0) + column, dim);
                }
                tiles::interleaveRows(job.q, dim, job.queries, dim, work.qPairs, 2 * dim);
                tiles::interleaveRows(work.dO, dim, job.queries, dim, work.dOPairs, 2 * dim);
                float* slot = slots + plan.shares[plan.blockShare[i]].slot * dim;
                gradientOfBlock(job, plan.beginsShare(i), slot, slot + plan.slotRows * dim);
                loops.narrow(work.dq, dataOf<Bf16>(dq) + at.queries * dim, job.queries * dim);
            }
        }
    });
    // Behind the rows: zeros.
    const std::int64_t packedEnd = layout.rowStarts.back();
    for (std::int64_t head = 0; head < layout.kvHeads; ++head) {
        const std::int64_t begin = (head * layout.tokens + packedEnd) * dim, count = (layout.tokens - packedEnd) * dim;
        std::fill_n(dataOf<float>(dk) + begin, count, 0.0f);
        std::fill_n(dataOf<float>(dv) + begin, count, 0.0f);
        std::fill_n(dataOf<Bf16>(dq) + begin * group, count * group, Bf16{});
    }
    // Slots -> dk, dv: the shares of a segment lie next to each other, added in order; the first has every key.
    const auto segments = static_cast<std::int64_t>(plan.segmentBegin.size()) - 1;
    at::parallel_for(0, segments, std::max<std::int64_t>(1, segments / workers), [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t s = first; s < last; ++s)
            for (std::size_t share = plan.segmentBegin[s]; share < plan.segmentBegin[s + 1]; ++share) {
                const AttentionShare& part = plan.shares[share];
                const std::int64_t row = part.segment / layout.kvHeads, head = part.segment % layout.kvHeads;
                const std::int64_t count =
                    std::min<std::int64_t>(layout.rowStarts[row + 1] - layout.rowStarts[row], part.keys);
                const std::int64_t to = (head * layout.tokens + layout.rowStarts[row]) * dim;
                for (std::int64_t key = 0; key < count; key += kPanel)
                    for (const auto& [from, target] : {std::pair(slots, dataOf<float>(dk)),
                                                       std::pair(slots + plan.slotRows * dim, dataOf<float>(dv))})
                        tiles::addTransposed(from + (part.slot + key) * dim, kPanel, dim, std::min(kPanel, count - key),
                                             target + to + key * dim, dim, share != plan.segmentBegin[s]);
            }
    });
}

#else

bool canAttend(const AttentionLayout&, const at::Tensor&) {
    return false;
}
void attentionForward(const AttentionLayout&, const at::Tensor&, const at::Tensor&, const at::Tensor&,
                      const at::Tensor&, const at::Tensor&, AttentionScratch&) {}
void attentionBackward(const AttentionLayout&, const at::Tensor&, const at::Tensor&, const at::Tensor&,
                       const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&,
                       const at::Tensor&, AttentionScratch&) {}

#endif

} // namespace attune::kernels::bf16
