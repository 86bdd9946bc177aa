// The one thread that writes to a database: all waiting jobs go into one transaction, so that many small writes share
// one fsync. Safe to call from any thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/store/database.h"

namespace attune {

class WriteQueue {
public:
    explicit WriteQueue(std::unique_ptr<Connection> connection, fs::path file);
    ~WriteQueue(); // close(), then moves the WAL into the file

    /// Finishes the waiting jobs and ends the thread.
    void close();
    /// Set while close() finishes what waits: a job that would queue more of itself should leave it for the next time.
    bool closing() const { return m_closing; }

    std::future<Status> post(WriteJob job);

private:
    struct Waiting {
        WriteJob job;
        std::promise<Status> promise;
    };
    void loop();
    void runTogether(std::vector<Waiting>& jobs);
    Status runJob(const WriteJob& job);
    Status transaction(const std::vector<const WriteJob*>& jobs, std::vector<Status>& results);

    static constexpr std::size_t kMaxTogether = 64; // bounds a transaction
    std::unique_ptr<Connection> m_connection;
    fs::path m_file;
    std::mutex m_mutex;
    std::condition_variable m_wake;
    std::deque<Waiting> m_waiting;
    std::atomic<bool> m_closing = false;
    std::thread m_thread; // last: starts when everything else is there
};

/// The exception of SQLite (or std) in flight as an Error. Call inside a catch block only.
Error databaseError(const fs::path& file);

} // namespace attune
