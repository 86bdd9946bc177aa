// The project's SQLite file. One writer connection on its own thread does every write and every checkpoint of the WAL;
// readers take connections of their own that cannot write. Safe to call from any thread. Knows nothing of tables: see
// migrations.h.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <type_traits>
#include <vector>

#include "core/base/files.h"
#include "core/base/result.h"

namespace attune {

class Connection; // connection.h
class WriteQueue; // write_queue.h

/// Runs on the writer thread inside a transaction it may share with other jobs; its own savepoint is undone when it
/// returns an error. May be run a second time when the shared transaction fails, so it must not consume what it
/// captured.
using WriteJob = std::function<Status(Connection& connection)>;

class Database {
public:
    /// Opens or creates the file, checks that it is a project of ours and not newer than this program, brings its
    /// tables up to date. `checkFirst` runs SQLite's quick check (after an unclean end). Errors: InvalidData (damaged,
    /// or no project), Unsupported (made by a newer version), OutOfSpace, Io.
    static Result<std::unique_ptr<Database>> open(const fs::path& file, bool checkFirst);
    ~Database(); // finishes the waiting jobs, moves the WAL into the file and closes
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    const fs::path& file() const { return m_file; }

    /// Queues a job; the future is ready when the job's transaction is on the disk (or has failed).
    std::future<Status> post(WriteJob job);
    /// post() and wait. Never call it from inside a job.
    Status write(WriteJob job);
    /// Waits until everything posted before is done.
    void flush();
    /// The project is being closed: a long chain of jobs should stop here and go on when it is opened again.
    bool closing() const;

    /// A connection for reading, given back to the pool when the lease ends. Each lease sees one consistent state per
    /// statement.
    class Lease {
    public:
        Lease(Database& owner, std::unique_ptr<Connection> connection);
        ~Lease();
        Lease(Lease&&) noexcept;
        Lease& operator=(Lease&&) = delete;
        Connection& operator*() const { return *m_connection; }
        Connection* operator->() const { return m_connection.get(); }

    private:
        Database* m_owner;
        std::unique_ptr<Connection> m_connection;
    };
    Result<Lease> reader();
    /// Runs `body(Connection&)`, which returns a Result<T>; exceptions of SQLite become errors.
    template <class Body>
    auto read(Body&& body) -> std::invoke_result_t<Body, Connection&>;

    /// SQLite's exception in flight as an Error that names this file. Call inside a catch block only.
    Error currentError() const;

private:
    Database();
    fs::path m_file;
    std::unique_ptr<WriteQueue> m_writer;
    std::mutex m_poolMutex;
    std::vector<std::unique_ptr<Connection>> m_pool;
};

template <class Body>
auto Database::read(Body&& body) -> std::invoke_result_t<Body, Connection&> {
    auto lease = reader();
    if (!lease)
        return fail(std::move(lease).error());
    try {
        return body(**lease);
    } catch (...) {
        return fail(currentError());
    }
}

} // namespace attune
