// All pieces of a vocabulary that begin at a place of a text, found in one walk: a double-array trie over bytes (Aoe
// 1989). Immutable after building; safe from any thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace attune {

class PieceTrie {
public:
    /// Of (piece, value >= 0); an empty piece is left out, of equal pieces the last one counts.
    explicit PieceTrie(std::vector<std::pair<std::string_view, std::int32_t>> pieces);
    PieceTrie() : PieceTrie(std::vector<std::pair<std::string_view, std::int32_t>>()) {}

    class Node {
        friend class PieceTrie;
        std::uint32_t m_at = 0;
    };
    static Node root() { return {}; }
    /// Goes on by one byte; false when no piece does.
    bool step(Node& node, char byte) const {
        const std::uint32_t next = m_nodes[node.m_at].base + static_cast<unsigned char>(byte);
        if (m_nodes[next].parent != node.m_at)
            return false;
        node.m_at = next;
        return true;
    }
    /// The value of the piece that ends here, or -1.
    std::int32_t value(const Node& node) const { return m_nodes[node.m_at].value; }

private:
    static constexpr std::uint32_t kFree = 0xFFFFFFFF;
    struct Cell {
        std::uint32_t base = 0, parent = kFree;
        std::int32_t value = -1;
    };
    class Builder;
    std::vector<Cell> m_nodes; // 256 cells longer than the last one used: a step needs no check
};

} // namespace attune
