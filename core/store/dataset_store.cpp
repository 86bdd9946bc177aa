#include "core/store/dataset_store.h"

#include <algorithm>
#include <bit>

#include "core/store/connection.h"
#include "core/store/database.h"
#include "core/store/dataset_appender.h"
#include "core/store/sample_query.h"
#include "core/store/sample_rows.h"

namespace attune {

namespace {

constexpr const char* kDatasetColumns =
    "SELECT d.id,d.name,d.source_file,d.mapping,d.created,d.tokenizer,"
    "(SELECT count(*) FROM samples s WHERE s.dataset_id=d.id AND s.deleted=0),"
    "(SELECT count(*) FROM import_problems p WHERE p.dataset_id=d.id) FROM datasets d";

DatasetInfo readDataset(const Query& query) {
    DatasetInfo info;
    info.id = query.integer(0);
    info.name = query.text(1);
    info.sourceFile = query.text(2);
    info.mapping = query.text(3);
    info.created = query.integer(4);
    info.tokenizer = query.text(5);
    info.rows = query.integer(6);
    info.problems = query.integer(7);
    return info;
}

tl::unexpected<Error> noDataset(std::int64_t id) {
    return fail(ErrorCode::NotFound, "There is no dataset " + std::to_string(id) + " in this project",
                "Reload the list.");
}

tl::unexpected<Error> noRow(RowId id) {
    return fail(ErrorCode::NotFound, "There is no row " + std::to_string(id) + " in this project", "Reload the table.");
}

} // namespace

Result<std::unique_ptr<DatasetAppender>>
DatasetStore::beginImport(const std::string& name, const std::string& sourceFile, const std::string& mapping) {
    std::int64_t id = 0;
    ATTUNE_CHECK(m_database.write([&](Connection& connection) -> Status {
        Query(connection, "INSERT INTO datasets(name,source_file,mapping,created,state) VALUES(?,?,?,?,'importing')")
            .bind(name, sourceFile, mapping, nowMilliseconds())
            .exec();
        id = connection.lastId();
        return {};
    }));
    return std::make_unique<DatasetAppender>(m_database, id);
}

Result<std::vector<DatasetInfo>> DatasetStore::list() {
    return m_database.read([&](Connection& connection) -> Result<std::vector<DatasetInfo>> {
        std::vector<DatasetInfo> found;
        Query query(connection,
                    std::string(kDatasetColumns) + " WHERE d.state='ready' AND d.removed=0 ORDER BY d.id DESC");
        while (query.step())
            found.push_back(readDataset(query));
        return found;
    });
}

Result<DatasetInfo> DatasetStore::get(std::int64_t datasetId) {
    return m_database.read([&](Connection& connection) -> Result<DatasetInfo> {
        Query query(connection, std::string(kDatasetColumns) + " WHERE d.id=? AND d.state='ready'");
        if (!query.bind(datasetId).step())
            return noDataset(datasetId);
        return readDataset(query);
    });
}

Status DatasetStore::rename(std::int64_t datasetId, const std::string& name) {
    return m_database.write([&](Connection& connection) -> Status {
        if (Query(connection, "UPDATE datasets SET name=? WHERE id=?").bind(name, datasetId).exec() == 0)
            return noDataset(datasetId);
        return {};
    });
}

Status DatasetStore::setRemoved(std::int64_t datasetId, bool removed) {
    return m_database.write([&](Connection& connection) -> Status {
        if (Query(connection, "UPDATE datasets SET removed=? WHERE id=?").bind(removed, datasetId).exec() == 0)
            return noDataset(datasetId);
        return {};
    });
}

Result<std::vector<ImportProblem>> DatasetStore::problems(std::int64_t datasetId, std::size_t limit) {
    return m_database.read([&](Connection& connection) -> Result<std::vector<ImportProblem>> {
        std::vector<ImportProblem> found;
        Query query(connection,
                    "SELECT row,line,field,reason FROM import_problems WHERE dataset_id=? ORDER BY row,id LIMIT ?");
        query.bind(datasetId, static_cast<std::int64_t>(limit));
        while (query.step())
            found.push_back({query.integer(0), query.integer(1), query.text(2), query.text(3)});
        return found;
    });
}

Result<std::vector<RowId>> DatasetStore::ids(const SampleQuery& query, const Progress& progress) {
    return m_database.read([&](Connection& connection) -> Result<std::vector<RowId>> {
        std::vector<RowId> found;
        ATTUNE_CHECK(
            runSelect(connection, "s.id", query, false, true, progress, [&](SQLite::Statement& row) -> Result<bool> {
                found.push_back(row.getColumn(0).getInt64());
                return true;
            }));
        return found;
    });
}

Result<std::int64_t> DatasetStore::count(const SampleQuery& query, const Progress& progress) {
    return m_database.read([&](Connection& connection) -> Result<std::int64_t> {
        std::int64_t found = 0;
        ATTUNE_CHECK(runSelect(connection, "count(*)", query, false, false, progress,
                               [&](SQLite::Statement& row) -> Result<bool> {
                                   found = row.getColumn(0).getInt64();
                                   return true;
                               }));
        return found;
    });
}

Result<std::vector<StoredSample>> DatasetStore::samples(std::span<const RowId> rowIds) {
    return m_database.read([&](Connection& connection) -> Result<std::vector<StoredSample>> {
        std::vector<StoredSample> found;
        found.reserve(rowIds.size());
        for (const RowId id : rowIds) {
            ATTUNE_ASSIGN(auto sample, findSample(connection, id));
            found.push_back(std::move(sample));
        }
        return found;
    });
}

Result<StoredSample> DatasetStore::sample(RowId rowId) {
    return m_database.read([&](Connection& connection) { return findSample(connection, rowId); });
}

Status DatasetStore::forEach(const SampleQuery& query, const std::function<bool(const StoredSample&)>& onSample,
                             const Progress& progress) {
    return m_database.read([&](Connection& connection) -> Status {
        return runSelect(connection, kSampleColumns, query, true, true, progress,
                         [&](SQLite::Statement& row) -> Result<bool> {
                             ATTUNE_ASSIGN(const StoredSample sample, readSample(row));
                             return onSample(sample);
                         });
    });
}

Result<StoredSample> DatasetStore::update(RowId rowId, const Sample& sample) {
    ATTUNE_ASSIGN(const EncodedSample row, encodeSample(sample));
    StoredSample before;
    ATTUNE_CHECK(m_database.write([&](Connection& connection) -> Status {
        ATTUNE_ASSIGN(before, findSample(connection, rowId));
        // Going back to what was imported takes the imported content again, so that undo really restores the row.
        std::int64_t content = 0;
        {
            Query same(connection,
                       "SELECT s.imported_id,c.hash FROM samples s JOIN contents c ON c.id=s.imported_id WHERE s.id=?");
            if (same.bind(rowId).step() && same.hash(1) == row.hash)
                content = same.integer(0);
        }
        const bool sameTexts = contentHash(before.sample) == row.hash;
        if (content == 0 && !sameTexts)
            content = insertContent(connection, row);
        Query(connection,
              "UPDATE samples SET content_id=CASE WHEN ?1=0 THEN content_id ELSE ?1 END,kind=?2,split=?3,source_row=?4,"
              "length=?5,hash=?6,sample_id=?7,tags=?8,tokens=CASE WHEN ?9 THEN tokens END WHERE id=?10")
            .bind(content, row.kind, row.split, row.sourceRow, row.length, row.hash, row.sampleId, row.tags, sameTexts,
                  rowId)
            .exec();
        return {};
    }));
    return before;
}

Result<std::vector<SplitAssignment>> DatasetStore::assignSplits(std::span<const SplitAssignment> splits) {
    std::vector<SplitAssignment> before;
    ATTUNE_CHECK(m_database.write([&](Connection& connection) -> Status {
        before.clear();
        before.reserve(splits.size());
        for (const auto& [id, split] : splits) {
            Query old(connection, "SELECT split FROM samples WHERE id=?");
            if (!old.bind(id).step())
                return noRow(id);
            before.push_back({id, static_cast<Split>(old.integer(0) & 3)});
            if (before.back().split != split)
                Query(connection, "UPDATE samples SET split=? WHERE id=?").bind(static_cast<int>(split), id).exec();
        }
        return {};
    }));
    // Undone last to first, so that a row named twice gets its first value back.
    std::reverse(before.begin(), before.end());
    return before;
}

Result<std::vector<TagAssignment>> DatasetStore::setTags(std::span<const TagAssignment> tags) {
    std::vector<TagAssignment> before;
    ATTUNE_CHECK(m_database.write([&](Connection& connection) -> Status {
        before.clear();
        for (const auto& [id, list] : tags) {
            Query old(connection, "SELECT tags FROM samples WHERE id=?");
            if (!old.bind(id).step())
                return noRow(id);
            ATTUNE_ASSIGN(auto oldTags, decodeTags(old.text(0)));
            before.push_back({id, std::move(oldTags)});
            const std::string encoded = encodeTags(list);
            Query(connection, "UPDATE samples SET tags=? WHERE id=?").bind(encoded, id).exec();
        }
        return {};
    }));
    std::reverse(before.begin(), before.end());
    return before;
}

Result<std::vector<RowId>> DatasetStore::setDeleted(std::span<const RowId> rowIds, bool deleted) {
    std::vector<RowId> changed;
    ATTUNE_CHECK(m_database.write([&](Connection& connection) -> Status {
        changed.clear();
        for (const RowId id : rowIds)
            if (Query(connection, "UPDATE samples SET deleted=?1 WHERE id=?2 AND deleted<>?1")
                    .bind(deleted, id)
                    .exec() > 0)
                changed.push_back(id);
        return {};
    }));
    return changed;
}

Result<RowId> DatasetStore::add(std::int64_t datasetId, const Sample& sample) {
    ATTUNE_ASSIGN(const EncodedSample row, encodeSample(sample));
    RowId id = 0;
    ATTUNE_CHECK(m_database.write([&](Connection& connection) -> Status {
        Query dataset(connection, "SELECT 1 FROM datasets WHERE id=? AND state='ready'");
        if (!dataset.bind(datasetId).step())
            return noDataset(datasetId);
        id = insertSample(connection, datasetId, row);
        return {};
    }));
    return id;
}

} // namespace attune
