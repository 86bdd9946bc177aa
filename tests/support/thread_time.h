// Processor time of the calling thread: what a turn of the event loop costs by itself, however busy the machine is.
#pragma once

#include <ctime>

namespace attune::test {

class ThreadTime {
public:
    ThreadTime() { restart(); }
    /// Milliseconds of this thread's processor time since the last start.
    double restart() {
        timespec now{};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        const double ms = 1e3 * static_cast<double>(now.tv_sec) + 1e-6 * static_cast<double>(now.tv_nsec), since = ms - m_start;
        m_start = ms;
        return since;
    }

private:
    double m_start = 0;
};

} // namespace attune::test
