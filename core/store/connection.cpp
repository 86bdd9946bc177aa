#include "core/store/connection.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <sys/vfs.h>

#include <sqlite3.h>

#include "core/store/text_search.h"

namespace attune {

namespace {

// WAL shares memory between connections, which network file systems do not offer.
bool onNetwork(const fs::path& file) {
    struct statfs info {};
    if (::statfs(file.parent_path().c_str(), &info) != 0)
        return false;
    constexpr std::uint32_t kNfs = 0x6969, kSmb = 0x517B, kCifs = 0xFF534D42, kSmb2 = 0xFE534D42, kAfs = 0x5346414F,
                            kNcp = 0x564C, kNineP = 0x01021997;
    const auto type = static_cast<std::uint32_t>(info.f_type);
    return type == kNfs || type == kSmb || type == kCifs || type == kSmb2 || type == kAfs || type == kNcp ||
           type == kNineP;
}

int flagsOf(Connection::Mode mode) {
    // Readers are opened for writing too because a WAL's index may need recovery; query_only keeps them from writing
    // rows.
    return mode == Connection::Mode::Writer ? SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE : SQLite::OPEN_READWRITE;
}

} // namespace

Connection::Connection(const fs::path& file, Mode mode)
    : m_database(file.string(), flagsOf(mode) | SQLite::OPEN_NOMUTEX, 5000) {
    sqlite3* const raw = handle();
    // A project file may come by mail: nothing in its schema may run code, and a damaged page must be noticed.
    sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
    sqlite3_limit(raw, SQLITE_LIMIT_ATTACHED, mode == Mode::Writer ? 1 : 0);
    exec("PRAGMA cell_size_check=ON");
    exec("PRAGMA mmap_size=0");
    exec("PRAGMA foreign_keys=ON");
    exec("PRAGMA temp_store=MEMORY"); // private data does not wander into the system's temporary folder
    exec("PRAGMA cache_size=-16384");
    if (mode == Mode::Writer) {
        if (onNetwork(file)) {
            exec("PRAGMA journal_mode=TRUNCATE");
            exec("PRAGMA synchronous=EXTRA");
        } else {
            exec("PRAGMA journal_mode=WAL");
            exec("PRAGMA synchronous=FULL");
            exec("PRAGMA wal_autocheckpoint=4000");
            exec("PRAGMA journal_size_limit=67108864");
        }
    } else {
        sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
        exec("PRAGMA wal_autocheckpoint=0");
        exec("PRAGMA query_only=ON");
        registerTextSearch(raw);
    }
}

SQLite::Statement& Connection::prepared(const std::string& sql) {
    auto& slot = m_statements[sql];
    if (!slot) {
        try {
            slot = std::make_unique<SQLite::Statement>(m_database, sql);
        } catch (...) {
            m_statements.erase(sql);
            throw;
        }
    }
    slot->tryReset();
    slot->clearBindings();
    return *slot;
}

ContentHash Query::hash(int column) const {
    ContentHash value{};
    const auto found = m_statement.getColumn(column);
    std::memcpy(value.data(), found.getBlob(),
                std::min<std::size_t>(value.size(), static_cast<std::size_t>(found.getBytes())));
    return value;
}

std::int64_t nowMilliseconds() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

} // namespace attune
