// Remembers how short words were tokenised. Fixed size, newest wins. Not thread-safe: each running call borrows one
// from a WordCachePool, which is thread-safe.
#pragma once

#include <cstring>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include <xxhash.h>

#include "core/text/tokenizer.h"

namespace attune {

class WordCache {
public:
    static constexpr std::size_t kMaxBytes = 22, kMaxIds = 8;

    static std::uint64_t hash(std::string_view word) { return XXH3_64bits(word.data(), word.size()); }
    /// The ids of a word of at most kMaxBytes; empty when not known.
    std::span<const TokenId> find(std::string_view word, std::uint64_t hash) const {
        const Entry& entry = m_entries[hash & (kEntries - 1)];
        if (entry.hash != hash || entry.size != word.size() || std::memcmp(entry.bytes, word.data(), word.size()) != 0)
            return {};
        return {entry.ids, entry.count};
    }
    void put(std::string_view word, std::uint64_t hash, std::span<const TokenId> ids) {
        if (ids.empty() || ids.size() > kMaxIds || word.size() > kMaxBytes)
            return;
        Entry& entry = m_entries[hash & (kEntries - 1)];
        entry.hash = hash;
        entry.size = static_cast<std::uint8_t>(word.size());
        entry.count = static_cast<std::uint8_t>(ids.size());
        std::memcpy(entry.bytes, word.data(), word.size());
        std::memcpy(entry.ids, ids.data(), ids.size_bytes());
    }

private:
    struct Entry {
        std::uint64_t hash = 0;
        TokenId ids[kMaxIds];
        std::uint8_t size = 0, count = 0;
        char bytes[kMaxBytes];
    };
    static_assert(sizeof(Entry) == 64); // one cache line
    static constexpr std::size_t kEntries = std::size_t{1} << 15;
    std::vector<Entry> m_entries = std::vector<Entry>(kEntries);
};

class WordCachePool {
public:
    class Loan { // hands the cache back when it goes out of scope
    public:
        explicit Loan(WordCachePool& pool) : m_pool(pool), m_cache(pool.take()) {}
        ~Loan() { m_pool.giveBack(std::move(m_cache)); }
        Loan(const Loan&) = delete;
        Loan& operator=(const Loan&) = delete;
        WordCache* operator->() { return m_cache.get(); }

    private:
        WordCachePool& m_pool;
        std::unique_ptr<WordCache> m_cache;
    };

private:
    static constexpr std::size_t kKept = 16; // 2 MB each
    std::unique_ptr<WordCache> take() {
        {
            const std::lock_guard lock(m_mutex);
            if (!m_free.empty()) {
                auto cache = std::move(m_free.back());
                m_free.pop_back();
                return cache;
            }
        }
        return std::make_unique<WordCache>();
    }
    void giveBack(std::unique_ptr<WordCache> cache) {
        const std::lock_guard lock(m_mutex);
        if (m_free.size() < kKept)
            m_free.push_back(std::move(cache));
    }
    std::mutex m_mutex;
    std::vector<std::unique_ptr<WordCache>> m_free;
};

} // namespace attune
