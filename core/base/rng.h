// Counter-based random numbers (Philox 4x32-10, Salmon et al. 2011): the value depends only on (key, stream, counter), so
// every purpose has its own stream and a resumed run draws exactly what the uninterrupted one would have drawn.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

namespace attune {

/// Four independent 32-bit words for one counter. Pure function.
inline std::array<std::uint32_t, 4> philox(std::uint64_t key, std::uint64_t stream, std::uint64_t counter) {
    std::uint32_t c0 = static_cast<std::uint32_t>(counter), c1 = static_cast<std::uint32_t>(counter >> 32);
    std::uint32_t c2 = static_cast<std::uint32_t>(stream), c3 = static_cast<std::uint32_t>(stream >> 32);
    std::uint32_t k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t p0 = std::uint64_t{0xD2511F53} * c0, p1 = std::uint64_t{0xCD9E8D57} * c2;
        const std::uint32_t n0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0, n1 = static_cast<std::uint32_t>(p1);
        const std::uint32_t n2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1, n3 = static_cast<std::uint32_t>(p0);
        c0 = n0, c1 = n1, c2 = n2, c3 = n3;
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
    return {c0, c1, c2, c3};
}

/// A sequential reader over one stream. Cheap to copy; `position` is its whole state.
class Rng {
public:
    explicit Rng(std::uint64_t seed, std::uint64_t stream = 0) : m_key(seed), m_stream(stream) {}

    std::uint32_t next32() {
        const std::uint64_t block = m_position / 4;
        if (block != m_block || !m_filled)
            m_words = philox(m_key, m_stream, block), m_block = block, m_filled = true;
        return m_words[m_position++ % 4];
    }
    std::uint64_t next64() {
        const std::uint64_t high = next32();
        return high << 32 | next32();
    }
    /// Uniform in [0, 1) with 53 bits.
    double uniform() { return static_cast<double>(next64() >> 11) * 0x1.0p-53; }
    /// Uniform in [0, n), unbiased; n > 0.
    std::uint64_t below(std::uint64_t n) {
        const std::uint64_t limit = ~std::uint64_t{0} - ~std::uint64_t{0} % n;
        std::uint64_t value = next64();
        while (value >= limit)
            value = next64();
        return value % n;
    }
    /// Standard normal (Box-Muller, one value per call).
    double normal();

    std::uint64_t position() const { return m_position; }
    void seek(std::uint64_t position) { m_position = position; }

private:
    std::uint64_t m_key, m_stream, m_position = 0, m_block = 0;
    bool m_filled = false;
    std::array<std::uint32_t, 4> m_words{};
};

/// The order of n items in one epoch: a Fisher-Yates shuffle from (seed, epoch) alone, so a data position is one integer.
std::vector<std::uint32_t> permutation(std::uint32_t n, std::uint64_t seed, std::uint64_t epoch);

} // namespace attune
