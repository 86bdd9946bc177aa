// The most recently used pages of a long table. Qt-free, one thread. Does not load: it says which page is worth loading
// and takes what was loaded. Memory is bounded by pages, so a row type should be small.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <unordered_map>
#include <vector>

namespace attune {

template <class Row>
class PageCache {
public:
    PageCache(std::size_t rowsPerPage, std::size_t maxPages)
        : m_rowsPerPage(rowsPerPage), m_maxPages(std::max<std::size_t>(1, maxPages)) {}

    std::size_t rowsPerPage() const { return m_rowsPerPage; }
    std::size_t pageOf(std::size_t row) const { return row / m_rowsPerPage; }
    std::size_t pages() const { return m_pages.size(); }

    /// The row, or null when its page is not here. Counts as a use of the page; the pointer is good until the next
    /// store() or clear().
    const Row* find(std::size_t row) {
        const auto page = m_pages.find(pageOf(row));
        if (page == m_pages.end() || row % m_rowsPerPage >= page->second.rows.size())
            return nullptr;
        page->second.lastUse = ++m_clock;
        return &page->second.rows[row % m_rowsPerPage];
    }
    /// True when the page is missing or stale and nobody is loading it yet: the caller loads it and then calls store()
    /// or abandon().
    bool request(std::size_t page) {
        const auto known = m_pages.find(page);
        if (known != m_pages.end() && !known->second.stale)
            return false;
        return m_loading.insert(page).second;
    }
    void store(std::size_t page, std::vector<Row> rows) {
        m_loading.erase(page);
        m_pages[page] = Page{std::move(rows), ++m_clock, false};
        if (m_pages.size() > m_maxPages)
            m_pages.erase(std::min_element(m_pages.begin(), m_pages.end(), [](const auto& a, const auto& b) {
                return a.second.lastUse < b.second.lastUse;
            }));
    }
    void abandon(std::size_t page) { m_loading.erase(page); }
    /// What is here stays visible, but each page is asked for once more.
    void markStale() {
        for (auto& [number, page] : m_pages)
            page.stale = true;
        m_loading.clear();
    }
    void clear() {
        m_pages.clear();
        m_loading.clear();
    }

private:
    struct Page {
        std::vector<Row> rows;
        std::uint64_t lastUse = 0;
        bool stale = false;
    };
    std::size_t m_rowsPerPage, m_maxPages;
    std::uint64_t m_clock = 0;
    std::unordered_map<std::size_t, Page> m_pages;
    std::set<std::size_t> m_loading;
};

} // namespace attune
