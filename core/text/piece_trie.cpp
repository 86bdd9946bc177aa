#include "core/text/piece_trie.h"

#include <algorithm>

namespace attune {

class PieceTrie::Builder {
public:
    using Piece = std::pair<std::string_view, std::int32_t>;
    explicit Builder(std::vector<Cell>& cells) : m_cells(cells) {
        m_cells.assign(1024, {});
        m_cells[0].parent = kFree - 1; // taken, and the child of nothing
    }

    // Level by level with a queue: a long piece must not cost stack.
    void run(const std::vector<Piece>& pieces) {
        std::vector<Job> jobs = {{0, pieces.size(), 0, 0}};
        for (std::size_t i = 0; i < jobs.size(); ++i)
            place(pieces, jobs[i], jobs);
        m_cells.resize(m_last + 1 + 256);
    }

private:
    struct Job {
        std::size_t begin, end; // of the pieces below this cell
        std::uint32_t cell;
        std::size_t depth;
    };
    struct Child {
        unsigned char byte;
        std::size_t begin, end;
    };

    void place(const std::vector<Piece>& pieces, const Job job, std::vector<Job>& jobs) {
        std::size_t at = job.begin;
        if (at < job.end && pieces[at].first.size() == job.depth)
            m_cells[job.cell].value = pieces[at++].second;
        m_children.clear();
        for (; at < job.end; ++at) {
            const auto byte = static_cast<unsigned char>(pieces[at].first[job.depth]);
            if (m_children.empty() || m_children.back().byte != byte)
                m_children.push_back({byte, at, at});
            m_children.back().end = at + 1;
        }
        if (m_children.empty())
            return; // base 0: its "children" are the root's, whose parent is not this cell
        const std::uint32_t base = findBase();
        m_cells[job.cell].base = base;
        for (const auto& child : m_children) {
            const std::uint32_t cell = base + child.byte;
            m_cells[cell].parent = job.cell;
            m_last = std::max(m_last, cell);
            jobs.push_back({child.begin, child.end, cell, job.depth + 1});
        }
    }

    // The first base at which all children fall on free cells. Cells that were tried too often are given up, so that
    // building takes linear time on any vocabulary.
    std::uint32_t findBase() {
        const std::uint32_t first = m_children.front().byte;
        while (m_cells[m_free].parent != kFree)
            grow(++m_free);
        int tries = 0;
        for (std::uint32_t cell = std::max(m_free, first + 1);; ++cell) {
            grow(cell + 512);
            if (m_cells[cell].parent != kFree)
                continue;
            const std::uint32_t base = cell - first;
            if (std::all_of(m_children.begin(), m_children.end(),
                            [&](const Child& child) { return m_cells[base + child.byte].parent == kFree; }))
                return base;
            if (++tries == 64)
                m_free = std::max(m_free, cell);
        }
    }

    void grow(std::size_t cells) {
        if (cells >= m_cells.size())
            m_cells.resize(std::max(m_cells.size() * 2, cells + 1));
    }

    std::vector<Cell>& m_cells;
    std::vector<Child> m_children;
    std::uint32_t m_free = 1, m_last = 0;
};

PieceTrie::PieceTrie(std::vector<std::pair<std::string_view, std::int32_t>> pieces) {
    std::stable_sort(pieces.begin(), pieces.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<std::pair<std::string_view, std::int32_t>> unique;
    unique.reserve(pieces.size());
    for (const auto& piece : pieces) {
        if (piece.first.empty())
            continue;
        if (!unique.empty() && unique.back().first == piece.first)
            unique.back() = piece;
        else
            unique.push_back(piece);
    }
    Builder(m_nodes).run(unique);
}

} // namespace attune
