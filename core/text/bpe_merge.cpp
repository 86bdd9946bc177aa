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
        return runShort(merges, symbols, avoided);
    if (symbols.size() > m_window)
        return runWindows(merges, symbols, avoided);
    link(merges, symbols, avoided);
    symbols.clear();
    for (std::uint32_t at = 0; at != kEnd; at = m_nodes[at].next)
        symbols.push_back(m_nodes[at].symbol);
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

void BpeMerger::link(const PairMap& merges, std::span<const BpeSymbol> symbols, const std::vector<bool>* avoided) {
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
}

// Tokens t1 t2 ... are what a word is merged into exactly when every two neighbours are what their own symbols are merged into. (Look at
// the first merge across a border of the tokens: until then each side went its own way, lowest rank and leftmost first, and so it does
// when only the two neighbours are there, where this merge would come too. Without such a merge every token is made as if by itself.)
// Within a window neighbours fit; where two windows meet they are tried. When they do not fit, the next window begins earlier.
void BpeMerger::runWindows(const PairMap& merges, std::vector<BpeSymbol>& symbols, const std::vector<bool>* avoided) {
    const std::span<const BpeSymbol> word(symbols);
    m_tokens.clear();
    std::size_t begin = 0, window = m_window, unsettled = m_unsettled;
    for (;;) {
        const std::size_t end = std::min(begin + window, word.size()), before = m_tokens.size();
        link(merges, word.subspan(begin, end - begin), avoided);
        for (std::uint32_t at = 0; at != kEnd; at = m_nodes[at].next)
            m_tokens.push_back({m_nodes[at].symbol, static_cast<std::uint32_t>(begin) + at});
        if (before > 0) {
            const std::size_t left = m_tokens[before - 1].begin;
            const std::size_t right = before + 1 < m_tokens.size() ? m_tokens[before + 1].begin : end;
            link(merges, word.subspan(left, right - left), avoided);
            const std::uint32_t border = m_nodes[0].next;
            if (border != begin - left || m_nodes[border].next != kEnd) {
                // Twice as far back, and windows twice as long from now on: whatever the merges are, few of them are in vain.
                unsettled *= 2;
                const std::size_t kept = before > unsettled ? before - unsettled : 0;
                const std::size_t earlier = kept == 0 ? 0 : m_tokens[kept].begin;
                window = std::max(2 * window, window + 2 * (begin - earlier));
                begin = earlier;
                m_tokens.resize(kept);
                continue;
            }
        }
        if (end == word.size())
            break;
        unsettled = m_unsettled;
        if (m_tokens.size() - before < 4 * unsettled) { // a window of a few huge tokens: most of the work would be done again
            window *= 2;
            m_tokens.resize(before);
            continue;
        }
        m_tokens.resize(m_tokens.size() - unsettled + 1);
        begin = m_tokens.back().begin;
        m_tokens.pop_back();
    }
    symbols.clear();
    for (const Token& token : m_tokens)
        symbols.push_back(token.symbol);
    if (symbols.capacity() > (std::size_t{1} << 20)) // one huge text must not keep its memory
        m_tokens = {};
    if (window > 16 * m_window) {
        m_nodes = {};
        m_heap = {};
    }
}

} // namespace attune
