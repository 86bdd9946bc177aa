#include "core/store/import_cleanup.h"

#include <vector>

#include "core/store/connection.h"
#include "core/store/database.h"

namespace attune {

namespace {

constexpr int kSlice = 10'000;

Status removeSlice(Database& database, Connection& connection, std::int64_t datasetId) {
    // The texts first: they are found through the rows.
    Query(connection, "DELETE FROM contents WHERE id IN (SELECT content_id FROM samples WHERE dataset_id=? LIMIT ?)")
        .bind(datasetId, kSlice)
        .exec();
    const int removed =
        Query(connection, "DELETE FROM samples WHERE id IN (SELECT id FROM samples WHERE dataset_id=? LIMIT ?)")
            .bind(datasetId, kSlice)
            .exec();
    if (removed == kSlice) {
        if (database.closing()) // the next opening goes on with it
            return {};
        // Re-queued rather than looped, so that waiting writes come between.
        database.post([&database, datasetId](Connection& next) { return removeSlice(database, next, datasetId); });
        return {};
    }
    Query(connection, "DELETE FROM import_problems WHERE dataset_id=?").bind(datasetId).exec();
    Query(connection, "DELETE FROM datasets WHERE id=?").bind(datasetId).exec();
    return {};
}

} // namespace

void discardImport(Database& database, std::int64_t datasetId) {
    database.post(
        [&database, datasetId](Connection& connection) { return removeSlice(database, connection, datasetId); });
}

Status removeUnfinishedImports(Database& database) {
    ATTUNE_ASSIGN(const auto ids, database.read([](Connection& connection) -> Result<std::vector<std::int64_t>> {
        std::vector<std::int64_t> found;
        Query query(connection, "SELECT id FROM datasets WHERE state='importing'");
        while (query.step())
            found.push_back(query.integer(0));
        return found;
    }));
    for (const std::int64_t id : ids)
        discardImport(database, id);
    return {};
}

} // namespace attune
