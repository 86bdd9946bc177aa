#include "core/store/write_queue.h"

#include <exception>
#include <new>
#include <utility>

#include <sqlite3.h>

#include "core/store/connection.h"

namespace attune {

Error databaseError(const fs::path& file) {
    const std::string name = file.string();
    try {
        throw;
    } catch (const SQLite::Exception& error) {
        switch (error.getErrorCode() & 0xFF) {
        case SQLITE_FULL:
            return {ErrorCode::OutOfSpace, "Cannot write to " + name + ": the disk is full",
                    "Free some space on that disk and try again; everything saved before is safe."};
        case SQLITE_CORRUPT:
            return {ErrorCode::InvalidData, "The project database " + name + " is damaged (" + error.what() + ")",
                    "Keep a copy of the folder, then restore project.sqlite from a backup; the runs in runs/ are not "
                    "affected."};
        case SQLITE_NOTADB:
            return {ErrorCode::InvalidData, name + " is not a project database, or it is damaged",
                    "Check that this is the right folder, or restore project.sqlite from a backup."};
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return {ErrorCode::Busy, "Another program uses " + name, "Close that program and try again."};
        case SQLITE_READONLY:
        case SQLITE_PERM:
            return {ErrorCode::Io, "No permission to write to " + name,
                    "Change the permissions of the project folder."};
        case SQLITE_CANTOPEN:
            return {ErrorCode::Io, "Cannot open " + name + " (" + error.what() + ")",
                    "Check the folder and its permissions."};
        case SQLITE_INTERRUPT:
            return {ErrorCode::Cancelled, "Cancelled", {}};
        case SQLITE_NOMEM:
            return {ErrorCode::OutOfMemory, "Not enough memory to use " + name, "Close other programs and try again."};
        case SQLITE_TOOBIG:
            return {ErrorCode::InvalidData, "A row is too large for " + name, "Split it into smaller rows."};
        case SQLITE_CONSTRAINT:
            return {ErrorCode::NotFound,
                    "Something this refers to is not in the project (" + std::string(error.what()) + ")",
                    "Reload the view; it may have been removed."};
        case SQLITE_IOERR:
            return {ErrorCode::Io, "Reading or writing " + name + " failed (" + error.what() + ")",
                    "Check the disk; everything saved before is safe."};
        default:
            return {ErrorCode::Internal, "Unexpected answer of the database " + name + ": " + error.what(),
                    "Please report this with the message."};
        }
    } catch (const std::bad_alloc&) {
        return {ErrorCode::OutOfMemory, "Not enough memory to use " + name, "Close other programs and try again."};
    } catch (const std::exception& error) {
        return {ErrorCode::Internal, "Unexpected fault with " + name + ": " + error.what(),
                "Please report this with the message."};
    }
}

WriteQueue::WriteQueue(std::unique_ptr<Connection> connection, fs::path file)
    : m_connection(std::move(connection)), m_file(std::move(file)), m_thread([this] { loop(); }) {}

void WriteQueue::close() {
    {
        const std::lock_guard lock(m_mutex);
        m_closing = true;
    }
    m_wake.notify_one();
    if (m_thread.joinable())
        m_thread.join();
}

WriteQueue::~WriteQueue() {
    close();
    sqlite3_wal_checkpoint_v2(m_connection->handle(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
}

std::future<Status> WriteQueue::post(WriteJob job) {
    Waiting waiting{std::move(job), {}};
    auto future = waiting.promise.get_future();
    {
        const std::lock_guard lock(m_mutex);
        m_waiting.push_back(std::move(waiting));
    }
    m_wake.notify_one();
    return future;
}

void WriteQueue::loop() {
    for (;;) {
        std::vector<Waiting> jobs;
        {
            std::unique_lock lock(m_mutex);
            m_wake.wait(lock, [this] { return m_closing || !m_waiting.empty(); });
            if (m_waiting.empty())
                return;
            while (!m_waiting.empty() && jobs.size() < kMaxTogether) {
                jobs.push_back(std::move(m_waiting.front()));
                m_waiting.pop_front();
            }
        }
        runTogether(jobs);
    }
}

void WriteQueue::runTogether(std::vector<Waiting>& jobs) {
    std::vector<const WriteJob*> bodies;
    for (const Waiting& waiting : jobs)
        bodies.push_back(&waiting.job);
    std::vector<Status> results(jobs.size());
    const Status together = transaction(bodies, results);
    if (!together && jobs.size() > 1) {
        // One large job may have filled the disk: the others get their own chance.
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            std::vector<Status> one(1);
            const Status alone = transaction({bodies[i]}, one);
            results[i] = alone ? std::move(one[0]) : alone;
        }
    } else if (!together) {
        results[0] = together;
    }
    for (std::size_t i = 0; i < jobs.size(); ++i)
        jobs[i].promise.set_value(std::move(results[i]));
}

Status WriteQueue::runJob(const WriteJob& job) {
    try {
        return job(*m_connection);
    } catch (...) {
        return fail(databaseError(m_file));
    }
}

Status WriteQueue::transaction(const std::vector<const WriteJob*>& jobs, std::vector<Status>& results) {
    sqlite3* const raw = m_connection->handle();
    Status status;
    try {
        m_connection->exec("BEGIN IMMEDIATE");
        for (std::size_t i = 0; i < jobs.size() && status; ++i) {
            m_connection->exec("SAVEPOINT job");
            results[i] = runJob(*jobs[i]);
            if (sqlite3_get_autocommit(raw)) // SQLite gave up the whole transaction (disk full, I/O error)
                status =
                    results[i]
                        ? Status(fail(ErrorCode::Io, "Writing to " + m_file.string() + " failed", "Check the disk."))
                        : results[i];
            else
                m_connection->exec(results[i] ? "RELEASE job" : "ROLLBACK TO job; RELEASE job");
        }
        if (status)
            m_connection->exec("COMMIT");
    } catch (...) {
        status = fail(databaseError(m_file));
    }
    if (!status && !sqlite3_get_autocommit(raw))
        sqlite3_exec(raw, "ROLLBACK", nullptr, nullptr, nullptr);
    return status;
}

} // namespace attune
