// The merge loop of byte-pair encoding: joins the pair of lowest rank, leftmost first, until none is left. Short words
// by scanning, long ones with a heap over a linked list (n log n on any input). Not thread-safe; one per call, reuses
// its memory.
#pragma once

#include <cstdint>
#include <vector>

#include "core/text/pair_map.h"

namespace attune {

struct BpeSymbol {
    TokenId id;
    std::uint32_t bytes; // of the piece that it covers
};

class BpeMerger {
public:
    /// `avoided` (may be null): merges with such a result do not happen.
    void run(const PairMap& merges, std::vector<BpeSymbol>& symbols, const std::vector<bool>* avoided);

private:
    struct Node {
        BpeSymbol symbol;
        std::uint32_t previous, next; // kEnd at both ends
        PairMap::Merge merge;         // with the next one
    };
    void runShort(const PairMap& merges, std::vector<BpeSymbol>& symbols, const std::vector<bool>* avoided);
    void runLong(const PairMap& merges, std::vector<BpeSymbol>& symbols, const std::vector<bool>* avoided);
    std::vector<PairMap::Merge> m_pairs;
    std::vector<Node> m_nodes;
    std::vector<std::uint64_t> m_heap;
};

} // namespace attune
