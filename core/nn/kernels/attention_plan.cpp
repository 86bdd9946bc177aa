#include "core/nn/kernels/attention_plan.h"

#include <algorithm>

namespace attune::kernels {

namespace {

// Queries per block: enough rows for a good product, few enough that the triangle above the diagonal is not computed in
// vain.
std::int64_t blockSize(std::int64_t group) {
    return std::clamp<std::int64_t>(roundUp(128 / group, 32), 64, 128);
}

// A block costs something beside its products: as much as about 48 keys.
double costOf(const AttentionBlock& block) {
    return static_cast<double>(block.paddedEnd - block.begin) * static_cast<double>(block.prefix + block.keys + 48);
}

void addShares(AttentionPlan& plan, std::int64_t rounding) {
    for (std::size_t worker = 0; worker + 1 < plan.workerBegin.size(); ++worker)
        for (std::size_t i = plan.workerBegin[worker]; i < plan.workerBegin[worker + 1]; ++i) {
            const AttentionBlock& block = plan.blocks[i];
            if (i == plan.workerBegin[worker] || plan.shares.back().segment != block.segment) {
                if (plan.shares.empty() || plan.shares.back().segment != block.segment)
                    plan.segmentBegin.push_back(plan.shares.size());
                plan.shares.push_back({block.segment, plan.slotRows, block.keys});
                plan.slotRows += roundUp(block.keys, rounding);
            }
            plan.blockShare.push_back(plan.shares.size() - 1);
        }
    plan.segmentBegin.push_back(plan.shares.size());
}

} // namespace

AttentionPlan planAttention(const AttentionLayout& layout, std::int64_t workers, std::int64_t rounding) {
    AttentionPlan plan;
    const std::int64_t size = blockSize(layout.group);
    double total = 0;
    for (std::size_t row = 0; row + 1 < layout.rowStarts.size(); ++row) {
        const std::int64_t first = layout.rowStarts[row], length = layout.rowStarts[row + 1] - first;
        const std::int64_t room = layout.tokens - first;
        for (std::int64_t head = 0; head < layout.kvHeads; ++head)
            for (std::int64_t begin = (length - 1) / size * size; begin >= 0 && length > 0; begin -= size) {
                const std::int64_t end = std::min(begin + size, length);
                const std::int64_t padded = std::min(roundUp(end, rounding), room);
                const auto segment = static_cast<std::int32_t>(static_cast<std::int64_t>(row) * layout.kvHeads + head);
                plan.blocks.push_back({segment, layout.prefixOf(row), first, head, begin, end, padded, padded});
                total += costOf(plan.blocks.back());
                plan.mostQueries = std::max(plan.mostQueries, padded - begin);
                plan.mostKeys = std::max({plan.mostKeys, std::min(padded, kAttentionStretch),
                                          std::min(layout.prefixOf(row), kAttentionStretch)});
            }
    }
    double done = 0;
    for (std::size_t i = 0; i < plan.blocks.size(); ++i) {
        const double middle = done + costOf(plan.blocks[i]) / 2;
        while (static_cast<double>(plan.workerBegin.size()) <= middle / total * static_cast<double>(workers))
            plan.workerBegin.push_back(i);
        done += costOf(plan.blocks[i]);
    }
    plan.workerBegin.resize(static_cast<std::size_t>(workers) + 1, plan.blocks.size());
    addShares(plan, rounding);
    return plan;
}

} // namespace attune::kernels
