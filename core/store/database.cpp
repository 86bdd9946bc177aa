#include "core/store/database.h"

#include "core/store/connection.h"
#include "core/store/migrations.h"
#include "core/store/write_queue.h"

namespace attune {

namespace {

constexpr std::size_t kPooledReaders = 8;

Status checkIdentity(Connection& connection, const fs::path& file) {
    const auto number = [&](const char* sql) { return connection.database().execAndGet(sql).getInt(); };
    const bool isNew = number("SELECT count(*) FROM sqlite_schema") == 0 && number("PRAGMA user_version") == 0;
    if (!isNew && number("PRAGMA application_id") != kApplicationId)
        return fail(ErrorCode::InvalidData, file.string() + " is a database of another program",
                    "Open a folder that Attune made (its name ends in .attune).");
    return {};
}

Status quickCheck(Connection& connection, const fs::path& file) {
    const std::string verdict = connection.database().execAndGet("PRAGMA quick_check(1)").getString();
    if (verdict != "ok")
        return fail(ErrorCode::InvalidData, "The project database " + file.string() + " is damaged (" + verdict + ")",
                    "Keep a copy of the folder, then restore project.sqlite from a backup; the runs in runs/ are not "
                    "affected.");
    return {};
}

} // namespace

Database::Database() = default;

Database::~Database() {
    if (m_writer)
        m_writer->close(); // while the pointer still leads to it: jobs may look at the database
    m_pool.clear();        // before the writer, whose closing moves the WAL into the file
    m_writer.reset();
}

Result<std::unique_ptr<Database>> Database::open(const fs::path& file, bool checkFirst) {
    try {
        auto writer = std::make_unique<Connection>(file, Connection::Mode::Writer);
        ATTUNE_CHECK(checkIdentity(*writer, file));
        if (checkFirst)
            ATTUNE_CHECK(quickCheck(*writer, file));
        ATTUNE_CHECK(migrate(*writer, projectMigrations()));
        std::unique_ptr<Database> database(new Database);
        database->m_file = file;
        database->m_writer = std::make_unique<WriteQueue>(std::move(writer), file);
        return database;
    } catch (...) {
        return fail(databaseError(file));
    }
}

std::future<Status> Database::post(WriteJob job) {
    return m_writer->post(std::move(job));
}

Status Database::write(WriteJob job) {
    return post(std::move(job)).get();
}

void Database::flush() {
    (void)write([](Connection&) -> Status { return {}; });
}

Result<Database::Lease> Database::reader() {
    {
        const std::lock_guard lock(m_poolMutex);
        if (!m_pool.empty()) {
            auto connection = std::move(m_pool.back());
            m_pool.pop_back();
            return Lease(*this, std::move(connection));
        }
    }
    try {
        return Lease(*this, std::make_unique<Connection>(m_file, Connection::Mode::Reader));
    } catch (...) {
        return fail(databaseError(m_file));
    }
}

bool Database::closing() const {
    return m_writer->closing();
}

Error Database::currentError() const {
    return databaseError(m_file);
}

Database::Lease::Lease(Database& owner, std::unique_ptr<Connection> connection)
    : m_owner(&owner), m_connection(std::move(connection)) {}

Database::Lease::Lease(Lease&&) noexcept = default;

Database::Lease::~Lease() {
    if (!m_connection)
        return;
    const std::lock_guard lock(m_owner->m_poolMutex);
    if (m_owner->m_pool.size() < kPooledReaders)
        m_owner->m_pool.push_back(std::move(m_connection));
}

} // namespace attune
