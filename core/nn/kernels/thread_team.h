// Threads that go through the stages of one piece of work together. A loop of its own for every stage wakes the threads
// hundreds of times for one generated token; a team is woken once and meets at barriers of well under a microsecond.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <utility>

namespace attune::kernels {

class TeamMember {
public:
    /// What the members of one team share.
    struct Meeting {
        alignas(64) std::atomic<int> arrived{0};
        alignas(64) std::atomic<unsigned> round{0};
        std::atomic<bool> failed{false};
    };
    TeamMember(int index, int count, Meeting& meeting) : m_index(index), m_count(count), m_meeting(meeting) {}

    int index() const { return m_index; }
    int count() const { return m_count; }
    /// This member's part of [0, n), cut at multiples of `unit`.
    std::pair<std::int64_t, std::int64_t> share(std::int64_t n, std::int64_t unit = 1) const {
        const std::int64_t units = (n + unit - 1) / unit;
        return {std::min(n, units * m_index / m_count * unit), std::min(n, units * (m_index + 1) / m_count * unit)};
    }
    /// Returns when every member has arrived; what they wrote before is visible afterwards. Throws when another member's
    /// work has thrown: then nobody waits for it.
    void barrier();

private:
    int m_index, m_count;
    Meeting& m_meeting;
};

/// Runs `work` once on each of up to at::get_num_threads() threads and waits for all. The first exception of any member
/// is thrown again here.
void runTeam(const std::function<void(TeamMember&)>& work);

} // namespace attune::kernels
