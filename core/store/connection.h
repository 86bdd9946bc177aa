// One SQLite connection with its prepared statements, and a query on it. Belongs to one thread at a time. Both throw
// SQLite::Exception; Database turns that into an Error at the border of this folder.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Statement.h>

#include "core/base/files.h"
#include "core/data/sample_hash.h"

namespace attune {

class Connection {
public:
    enum class Mode { Writer, Reader };
    Connection(const fs::path& file, Mode mode);

    SQLite::Database& database() { return m_database; }
    sqlite3* handle() { return m_database.getHandle(); }
    void exec(const std::string& sql) { m_database.exec(sql); }
    std::int64_t lastId() const { return m_database.getLastInsertRowid(); }
    /// Prepared once and kept.
    SQLite::Statement& prepared(const std::string& sql);

private:
    SQLite::Database m_database;
    std::unordered_map<std::string, std::unique_ptr<SQLite::Statement>>
        m_statements; // before the database in destruction
};

/// A use of a prepared statement; ends (and lets go of the read state) with the object. One at a time for one text of
/// SQL.
class Query {
public:
    Query(Connection& connection, const std::string& sql) : m_statement(connection.prepared(sql)) {}
    ~Query() { m_statement.tryReset(); }
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;

    /// Binds from the first parameter on. Texts and blobs must live until the last step.
    template <class... Values>
    Query& bind(const Values&... values) {
        int index = 0;
        (bindOne(++index, values), ...);
        return *this;
    }
    bool step() { return m_statement.executeStep(); }
    int exec() {
        const int changed = m_statement.exec();
        m_statement.reset();
        return changed;
    }

    bool isNull(int column) const { return m_statement.getColumn(column).isNull(); }
    std::int64_t integer(int column) const { return m_statement.getColumn(column).getInt64(); }
    double real(int column) const { return m_statement.getColumn(column).getDouble(); }
    std::string text(int column) const { return m_statement.getColumn(column).getString(); }
    ContentHash hash(int column) const;
    SQLite::Statement& statement() { return m_statement; }

private:
    void bindOne(int index, std::int64_t value) { m_statement.bind(index, value); }
    void bindOne(int index, int value) { m_statement.bind(index, value); }
    void bindOne(int index, bool value) { m_statement.bind(index, value ? 1 : 0); }
    void bindOne(int index, double value) { m_statement.bind(index, value); }
    void bindOne(int index, std::nullptr_t) { m_statement.bind(index); }
    void bindOne(int index, const std::string& value) { m_statement.bindNoCopy(index, value); }
    void bindOne(int index, const ContentHash& value) {
        m_statement.bindNoCopy(index, value.data(), static_cast<int>(value.size()));
    }
    void bindOne(int index, const std::optional<std::int64_t>& value) {
        value ? m_statement.bind(index, *value) : m_statement.bind(index);
    }

    SQLite::Statement& m_statement;
};

/// Milliseconds since 1970, UTC.
std::int64_t nowMilliseconds();

} // namespace attune
