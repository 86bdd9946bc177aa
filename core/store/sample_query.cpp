#include "core/store/sample_query.h"

#include <sqlite3.h>

#include "core/store/sample_codec.h"

namespace attune {

namespace {

std::string whereOf(const SampleQuery& query) {
    std::string where = " WHERE s.dataset_id=:dataset AND s.deleted=:deleted";
    if (query.split)
        where += " AND s.split=:split";
    if (query.kind)
        where += " AND s.kind=:kind";
    if (!query.tag.empty())
        where += " AND instr(s.tags,:tag)>0";
    if (query.minTokens)
        where += " AND s.tokens>=:mintokens";
    if (query.maxTokens)
        where += " AND s.tokens<=:maxtokens";
    if (!query.text.empty())
        where += " AND attune_contains(:text,c.messages,c.text,c.chosen,c.rejected)";
    return where;
}

std::string orderOf(const SampleQuery& query) {
    const std::string direction = query.descending ? " DESC" : "";
    switch (query.order) {
    case SampleOrder::SourceRow:
        return " ORDER BY s.source_row" + direction + ",s.id";
    case SampleOrder::Length:
        return " ORDER BY s.length" + direction + ",s.id";
    case SampleOrder::Tokens:
        return " ORDER BY s.tokens" + direction + " NULLS LAST,s.id";
    case SampleOrder::Split:
        return " ORDER BY s.split" + direction + ",s.id";
    case SampleOrder::Imported:
        break;
    }
    return " ORDER BY s.id" + direction;
}

void bindAll(SQLite::Statement& statement, const SampleQuery& query) {
    statement.bind(":dataset", query.datasetId);
    statement.bind(":deleted", query.deleted ? 1 : 0);
    if (query.split)
        statement.bind(":split", static_cast<int>(*query.split));
    if (query.kind)
        statement.bind(":kind", static_cast<int>(*query.kind));
    if (!query.tag.empty()) {
        std::string quoted; // tags are stored as JSON, so the quotes keep "art" from matching "part"
        appendJsonString(quoted, query.tag);
        statement.bind(":tag", quoted);
    }
    if (query.minTokens)
        statement.bind(":mintokens", *query.minTokens);
    if (query.maxTokens)
        statement.bind(":maxtokens", *query.maxTokens);
    if (!query.text.empty())
        statement.bind(":text", query.text);
}

// Stops a long scan when the user cancels.
class CancelGuard {
public:
    CancelGuard(sqlite3* database, const Progress& progress) : m_database(database) {
        sqlite3_progress_handler(
            database, 10'000, [](void* p) { return static_cast<const Progress*>(p)->cancelled() ? 1 : 0; },
            const_cast<Progress*>(&progress));
    }
    ~CancelGuard() { sqlite3_progress_handler(m_database, 0, nullptr, nullptr); }
    CancelGuard(const CancelGuard&) = delete;
    CancelGuard& operator=(const CancelGuard&) = delete;

private:
    sqlite3* m_database;
};

} // namespace

Status runSelect(Connection& connection, const std::string& columns, const SampleQuery& query, bool withContents,
                 bool ordered, const Progress& progress, const std::function<Result<bool>(SQLite::Statement&)>& row) {
    std::string sql = "SELECT " + columns + " FROM samples s";
    if (withContents || !query.text.empty())
        sql += " CROSS JOIN contents c ON c.id=s.content_id"; // CROSS fixes the order: rows first, then their texts
    sql += whereOf(query);
    if (ordered)
        sql += orderOf(query);
    const CancelGuard guard(connection.handle(), progress);
    SQLite::Statement statement(connection.database(), sql);
    bindAll(statement, query);
    for (std::int64_t seen = 0; statement.executeStep(); ++seen) {
        if (seen % 1024 == 0 && progress.cancelled())
            return fail(ErrorCode::Cancelled, "Cancelled");
        ATTUNE_ASSIGN(const bool more, row(statement));
        if (!more)
            break;
    }
    return {};
}

} // namespace attune
