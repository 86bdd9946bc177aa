// A flat hash table from a pair of token ids to the rank of their merge and its result. Immutable after building; safe
// from any thread.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "core/text/tokenizer.h"

namespace attune {

class PairMap {
public:
    struct Merge {
        std::uint32_t rank;
        TokenId result;
    };
    static constexpr std::uint32_t kNone = 0xFFFFFFFF; // no merge: ranks lower than every other

    /// Room for `count` pairs, never more.
    explicit PairMap(std::size_t count = 0)
        : m_slots(std::bit_ceil(count * 2 + 2), Slot{kEmpty, {kNone, -1}}), m_mask(m_slots.size() - 1) {}

    /// A pair given twice keeps its last merge, as in the reference.
    void set(TokenId left, TokenId right, Merge merge) {
        const std::uint64_t key = keyOf(left, right);
        std::size_t slot = slotOf(key);
        while (m_slots[slot].key != kEmpty && m_slots[slot].key != key)
            slot = (slot + 1) & m_mask;
        m_slots[slot] = {key, merge};
    }
    Merge find(TokenId left, TokenId right) const {
        const std::uint64_t key = keyOf(left, right);
        std::size_t slot = slotOf(key);
        while (m_slots[slot].key != key) {
            if (m_slots[slot].key == kEmpty)
                return {kNone, -1};
            slot = (slot + 1) & m_mask;
        }
        return m_slots[slot].merge;
    }

private:
    struct Slot {
        std::uint64_t key;
        Merge merge;
    };
    static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
    static std::uint64_t keyOf(TokenId left, TokenId right) {
        return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
    }
    std::size_t slotOf(std::uint64_t key) const {
        key *= 0x9E3779B97F4A7C15ULL;
        return static_cast<std::size_t>(key ^ key >> 32) & m_mask;
    }
    std::vector<Slot> m_slots;
    std::size_t m_mask;
};

} // namespace attune
