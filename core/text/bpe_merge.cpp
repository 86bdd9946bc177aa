#include "core/text/bpe_merge.h"

#include <algorithm>
#include <functional>

namespace attune {

namespace {

constexpr std::size_t kShort = 48; // scanning beats the heap up to about here
constexpr std::uint32_t kEnd = 0xFFFFFFFF;

PairMap::Merge lookup(const PairMap& merges, TokenId left, TokenId right, const std::vector<bool>* avoided) {
    const auto merge = merges.find(left, right);
    if (avoided && merge.rank != PairMap::kNone && static_cast<std::size_t>(merge.result) < avoided->size() &&
        (*avoided)[static_cast<std::size_t>(merge.result)])
        return {PairMap::kNone, -1};
    return merge;
}

std::uint64_t heapKey(std::uint32_t rank, std::uint32_t position) {
    return std::uint64_t{rank} << 32 | position;
}

} // namespace

void BpeMerger::run(const PairMap& merges, std::vector<BpeSymbol>& symbols, const std::vector<bool>* avoided) {
    if (symbols.size() < 2)
        return;
    if (symbols.size() <= kShort)
        runShort(merges, symbols, avoided);
    else
        runLong(merges, symbols, avoided);
}

void BpeMerger::runShort(const PairMap& merges, std::vector<BpeSymbol>& symbols, const std::vector<bool>* avoided) {
    m_pairs.resize(symbols.size() - 1);
    for (std::size_t i = 0; i < m_pairs.size(); ++i)
        m_pairs[i] = lookup(merges, symbols[i].id, symbols[i + 1].id, avoided);
    while (!m_pairs.empty()) {
        std::size_t best = 0;
        for (std::size_t i = 1; i < m_pairs.size(); ++i)
            if (m_pairs[i].rank < m_pairs[best].rank)
                best = i;
        if (m_pairs[best].rank == PairMap::kNone)
            return;
        symbols[best] = {m_pairs[best].result, symbols[best].bytes + symbols[best + 1].bytes};
        symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
        m_pairs.erase(m_pairs.begin() + static_cast<std::ptrdiff_t>(best));
        if (best > 0)
            m_pairs[best - 1] = lookup(merges, symbols[best - 1].id, symbols[best].id, avoided);
        if (best < m_pairs.size())
            m_pairs[best] = lookup(merges, symbols[best].id, symbols[best + 1].id, avoided);
    }
}

void BpeMerger::runLong(const PairMap& merges, std::vector<BpeSymbol>& symbols, const std::vector<bool>* avoided) {
    const auto count = static_cast<std::uint32_t>(symbols.size());
    m_nodes.resize(count);
    m_heap.clear();
    for (std::uint32_t i = 0; i < count; ++i) {
        const bool last = i + 1 == count;
        const auto merge =
            last ? PairMap::Merge{PairMap::kNone, -1} : lookup(merges, symbols[i].id, symbols[i + 1].id, avoided);
        m_nodes[i] = {symbols[i], i == 0 ? kEnd : i - 1, last ? kEnd : i + 1, merge};
        if (merge.rank != PairMap::kNone)
            m_heap.push_back(heapKey(merge.rank, i));
    }
    const std::greater<> lowestFirst;
    std::make_heap(m_heap.begin(), m_heap.end(), lowestFirst);
    const auto renew = [&](std::uint32_t at) {
        Node& node = m_nodes[at];
        node.merge = node.next == kEnd ? PairMap::Merge{PairMap::kNone, -1}
                                       : lookup(merges, node.symbol.id, m_nodes[node.next].symbol.id, avoided);
        if (node.merge.rank == PairMap::kNone)
            return;
        m_heap.push_back(heapKey(node.merge.rank, at));
        std::push_heap(m_heap.begin(), m_heap.end(), lowestFirst);
    };
    while (!m_heap.empty()) {
        const std::uint64_t top = m_heap.front();
        std::pop_heap(m_heap.begin(), m_heap.end(), lowestFirst);
        m_heap.pop_back();
        const auto at = static_cast<std::uint32_t>(top);
        Node& node = m_nodes[at];
        if (node.merge.rank != static_cast<std::uint32_t>(top >> 32))
            continue; // a neighbour was merged since
        Node& gone = m_nodes[node.next];
        node.symbol = {node.merge.result, node.symbol.bytes + gone.symbol.bytes};
        gone.merge.rank = PairMap::kNone;
        node.next = gone.next;
        if (node.next != kEnd)
            m_nodes[node.next].previous = at;
        renew(at);
        if (node.previous != kEnd)
            renew(node.previous);
    }
    symbols.clear();
    for (std::uint32_t at = 0; at != kEnd; at = m_nodes[at].next)
        symbols.push_back(m_nodes[at].symbol);
    if (m_nodes.capacity() > (std::size_t{1} << 20)) { // one huge text must not keep its memory
        m_nodes = {};
        m_heap = {};
    }
}

} // namespace attune
