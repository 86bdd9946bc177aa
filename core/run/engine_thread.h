// The one worker thread all engine work runs on, one job after the other, at lowered priority so that the window stays
// smooth. submit() and cancel() from any thread; `done` is called exactly once per job: on the worker thread, or inside
// cancel() and cancelAll() for a job that had not begun (it must not wait for the one that runs).
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "core/base/result.h"

namespace attune {

/// The Error for the exception being handled (bad_alloc: OutOfMemory, anything else: Internal with its text). Call
/// inside catch.
Error errorOfCurrentException();

/// Calls `work` and turns whatever it throws into an Error.
template <class T>
Result<T> guarded(const std::function<Result<T>()>& work) {
    try {
        return work();
    } catch (...) {
        return fail(errorOfCurrentException());
    }
}

class EngineThread {
public:
    using JobId = std::uint64_t;

    explicit EngineThread(int niceness = 10);
    ~EngineThread(); // asks every job to stop and waits for the running one
    EngineThread(const EngineThread&) = delete;
    EngineThread& operator=(const EngineThread&) = delete;

    /// Queues `work`; `done` gets its result, or Cancelled when it was cancelled before it began.
    template <class T>
    JobId submit(std::function<Result<T>(std::stop_token)> work, std::function<void(Result<T>)> done) {
        return enqueue([work = std::move(work), done = std::move(done)](const std::stop_token& stop) {
            if (stop.stop_requested())
                return done(fail(ErrorCode::Cancelled, "Cancelled before it began"));
            done(guarded<T>([&] { return work(stop); }));
        });
    }
    /// Asks a queued or running job to stop; false when it is already done.
    bool cancel(JobId id);
    void cancelAll();
    /// Jobs waiting or running.
    std::size_t pending() const;
    /// Blocks until nothing waits or runs.
    void waitIdle();

private:
    struct Job {
        JobId id = 0;
        std::function<void(const std::stop_token&)> run;
        std::stop_source stop;
        bool running = false;
    };
    /// Takes the jobs that wait and `chosen` accepts out of the queue, tells them that they are cancelled, and asks a
    /// running one to stop. Returns how many were asked.
    std::size_t cancelIf(const std::function<bool(const Job&)>& chosen);
    JobId enqueue(std::function<void(const std::stop_token&)> run);
    void loop(const std::stop_token& end, int niceness);

    mutable std::mutex m_mutex;
    std::condition_variable_any m_changed;
    std::deque<Job> m_jobs; // front = running
    JobId m_lastId = 0;
    std::jthread m_thread; // last: joins before the rest goes
};

} // namespace attune
