#include "core/run/engine_thread.h"

#include <algorithm>
#include <new>
#include <stdexcept>

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace attune {

Error errorOfCurrentException() {
    try {
        throw;
    } catch (const std::bad_alloc&) {
        return {ErrorCode::OutOfMemory, "There is not enough memory for this",
                "Close other programs, or choose a smaller model or a shorter maximum length."};
    } catch (const std::exception& error) {
        return {ErrorCode::Internal, std::string("Unexpected error: ") + error.what(),
                "Try again; if it comes back, report it with this text."};
    } catch (...) {
        return {ErrorCode::Internal, "Unexpected error of an unknown kind", "Try again; if it comes back, report it."};
    }
}

EngineThread::EngineThread(int niceness)
    : m_thread([this, niceness](const std::stop_token& end) { loop(end, niceness); }) {}

EngineThread::~EngineThread() {
    m_thread.request_stop();
    cancelAll();
    m_thread.join();
}

EngineThread::JobId EngineThread::enqueue(std::function<void(const std::stop_token&)> run) {
    const std::lock_guard lock(m_mutex);
    m_jobs.push_back({++m_lastId, std::move(run), {}});
    m_changed.notify_all();
    return m_lastId;
}

bool EngineThread::cancel(JobId id) {
    return cancelIf([id](const Job& job) { return job.id == id; }) > 0;
}

void EngineThread::cancelAll() {
    cancelIf([](const Job&) { return true; });
}

std::size_t EngineThread::cancelIf(const std::function<bool(const Job&)>& chosen) {
    std::vector<std::stop_source> running;
    std::vector<Job> waiting;
    {
        const std::lock_guard lock(m_mutex);
        for (auto job = m_jobs.begin(); job != m_jobs.end();) {
            if (!chosen(*job)) {
                ++job;
            } else if (job->running) {
                running.push_back((job++)->stop);
            } else {
                waiting.push_back(std::move(*job));
                job = m_jobs.erase(job);
            }
        }
        m_changed.notify_all();
    }
    // Outside the lock: a stop callback or a job's `done` may call back into this object.
    std::size_t asked = waiting.size();
    for (std::stop_source& source : running)
        asked += source.request_stop() ? 1 : 0;
    for (Job& job : waiting) {
        job.stop.request_stop();
        try {
            job.run(job.stop.get_token());
        } catch (...) { // as in loop(): only `done` can throw, and has no one left to tell
        }
    }
    return asked;
}

std::size_t EngineThread::pending() const {
    const std::lock_guard lock(m_mutex);
    return m_jobs.size();
}

void EngineThread::waitIdle() {
    std::unique_lock lock(m_mutex);
    m_changed.wait(lock, [this] { return m_jobs.empty(); });
}

void EngineThread::loop(const std::stop_token& end, int niceness) {
    // On Linux the niceness is a thread's own; threads the engine starts from here inherit it. A refusal costs
    // smoothness only.
    if (niceness > 0)
        ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), niceness);
    std::unique_lock lock(m_mutex);
    for (;;) {
        m_changed.wait(lock, end, [this] { return !m_jobs.empty(); });
        if (m_jobs.empty())
            return; // asked to end, and every job had its say
        m_jobs.front().running = true;
        auto run = std::move(m_jobs.front().run);
        std::stop_source source = m_jobs.front().stop;
        if (end.stop_requested())
            source.request_stop();
        lock.unlock();
        try {
            run(source.get_token());
        } catch (...) {
            // Only `done` can throw here (work is guarded). It has no one left to tell; the thread must live on for the
            // other jobs.
        }
        run = nullptr; // what the job holds is freed before anyone is told it is over
        lock.lock();
        m_jobs.pop_front();
        m_changed.notify_all();
    }
}

} // namespace attune
