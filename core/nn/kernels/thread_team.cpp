#include "core/nn/kernels/thread_team.h"

#include <exception>
#include <thread>

#include <ATen/Parallel.h>

#ifdef _OPENMP
#include <omp.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace attune::kernels {

namespace {

struct AnotherMemberFailed {};

} // namespace

void TeamMember::barrier() {
    if (m_count == 1)
        return;
    // A member that lost its processor to another program must not be waited for at full speed for long.
    constexpr int kSpins = 4000;
    const unsigned round = m_meeting.round.load(std::memory_order_relaxed);
    if (m_meeting.arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == m_count) {
        m_meeting.arrived.store(0, std::memory_order_relaxed);
        m_meeting.round.store(round + 1, std::memory_order_release);
        return;
    }
    for (int spins = 0; m_meeting.round.load(std::memory_order_acquire) == round; ++spins) {
        if (m_meeting.failed.load(std::memory_order_relaxed))
            throw AnotherMemberFailed{};
        if (spins > kSpins)
            std::this_thread::yield();
#if defined(__x86_64__)
        else
            _mm_pause();
#endif
    }
}

void runTeam(const std::function<void(TeamMember&)>& work) {
    TeamMember::Meeting meeting;
#ifdef _OPENMP
    if (!omp_in_parallel()) {
        std::exception_ptr error;
#pragma omp parallel num_threads(at::get_num_threads())
        {
            TeamMember member(omp_get_thread_num(), omp_get_num_threads(), meeting);
            try { // an exception must not leave the region
                work(member);
            } catch (...) {
                if (!meeting.failed.exchange(true))
                    error = std::current_exception();
            }
        }
        if (error)
            std::rethrow_exception(error);
        return;
    }
#endif
    TeamMember member(0, 1, meeting);
    work(member);
}

} // namespace attune::kernels
