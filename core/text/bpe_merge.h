// The merge loop of byte-pair encoding: joins the pair of lowest rank, leftmost first, until none is left. Short words by scanning,
// longer ones with a heap over a linked list, very long ones window by window, so that time and working memory stay those of a
// window on any input. Not thread-safe; one per call, reuses its memory.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/text/pair_map.h"

namespace attune {

struct BpeSymbol {
    TokenId id;
    std::uint32_t bytes; // of the piece that it covers
};

class BpeMerger {
public:
    /// Symbols of a window, a longer word is done in several, and how many tokens at the end of a window are done again with
    /// what follows (at least 1). Speed depends on them, the tokens do not.
    explicit BpeMerger(std::size_t window = 8192, std::size_t unsettled = 16) : m_window(window), m_unsettled(unsettled) {}
    /// `avoided` (may be null): merges with such a result do not happen.
    void run(const PairMap& merges, std::vector<BpeSymbol>& symbols, const std::vector<bool>* avoided);

private:
    struct Node {
        BpeSymbol symbol;
        std::uint32_t previous, next; // kEnd at both ends
        PairMap::Merge merge;         // with the next one
    };
    struct Token {
        BpeSymbol symbol;
        std::uint32_t begin; // its first symbol in the word
    };
    void runShort(const PairMap& merges, std::vector<BpeSymbol>& symbols, const std::vector<bool>* avoided);
    /// Leaves the tokens of `symbols` as the linked list in m_nodes.
    void link(const PairMap& merges, std::span<const BpeSymbol> symbols, const std::vector<bool>* avoided);
    void runWindows(const PairMap& merges, std::vector<BpeSymbol>& symbols, const std::vector<bool>* avoided);
    std::size_t m_window, m_unsettled;
    std::vector<PairMap::Merge> m_pairs;
    std::vector<Node> m_nodes;
    std::vector<std::uint64_t> m_heap;
    std::vector<Token> m_tokens;
};

} // namespace attune
