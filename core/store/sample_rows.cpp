#include "core/store/sample_rows.h"

namespace attune {

const char* const kSampleColumns =
    "s.id,s.dataset_id,s.sample_id,s.split,s.source_row,s.tags,s.length,s.tokens,s.content_id<>s.imported_id,s.deleted,"
    "c.kind,c.messages,c.text,c.chosen,c.rejected,c.label,c.margin,c.chosen_calls,c.rejected_calls";

std::int64_t insertContent(Connection& connection, const EncodedSample& row) {
    Query(connection,
          "INSERT INTO contents(kind,hash,messages,text,chosen,rejected,label,margin,chosen_calls,rejected_calls) "
          "VALUES(?,?,?,?,?,?,?,?,?,?)")
        .bind(row.kind, row.hash, row.messages, row.text, row.chosen, row.rejected, row.label, row.margin, row.chosenCalls,
              row.rejectedCalls)
        .exec();
    return connection.lastId();
}

RowId insertSample(Connection& connection, std::int64_t datasetId, const EncodedSample& row) {
    const std::int64_t content = insertContent(connection, row);
    Query(connection,
          "INSERT INTO samples(dataset_id,content_id,imported_id,kind,split,source_row,length,hash,sample_id,tags) "
          "VALUES(?,?,?,?,?,?,?,?,?,?)")
        .bind(datasetId, content, content, row.kind, row.split, row.sourceRow, row.length, row.hash, row.sampleId,
              row.tags)
        .exec();
    return connection.lastId();
}

Result<StoredSample> readSample(SQLite::Statement& row) {
    const auto integer = [&](int column) { return row.getColumn(column).getInt64(); };
    const auto text = [&](int column) { return row.getColumn(column).getString(); };
    StoredSample stored;
    stored.rowId = integer(0);
    stored.datasetId = integer(1);
    stored.sample.id = text(2);
    stored.sample.split = static_cast<Split>(integer(3) & 3);
    stored.sample.sourceRow = integer(4);
    ATTUNE_ASSIGN(stored.sample.tags, decodeTags(text(5)));
    stored.length = integer(6);
    if (!row.getColumn(7).isNull())
        stored.tokenCount = integer(7);
    stored.edited = integer(8) != 0;
    stored.deleted = integer(9) != 0;
    const std::int64_t kind = integer(10);
    if (kind < 0 || kind > static_cast<int>(SampleKind::PromptOnly))
        return fail(ErrorCode::InvalidData, "Row " + std::to_string(stored.rowId) + " has an unknown kind",
                    "Import the dataset again.");
    stored.sample.kind = static_cast<SampleKind>(kind);
    ATTUNE_ASSIGN(stored.sample.messages, decodeMessages(text(11)));
    stored.sample.text = text(12);
    stored.sample.chosen = text(13);
    stored.sample.rejected = text(14);
    stored.sample.label = integer(15) != 0;
    stored.sample.margin = row.getColumn(16).getDouble();
    stored.sample.chosenCalls = static_cast<int>(integer(17));
    stored.sample.rejectedCalls = static_cast<int>(integer(18));
    return stored;
}

Result<StoredSample> findSample(Connection& connection, RowId rowId) {
    static const std::string sql =
        std::string("SELECT ") + kSampleColumns + " FROM samples s JOIN contents c ON c.id=s.content_id WHERE s.id=?";
    Query query(connection, sql);
    if (!query.bind(rowId).step())
        return fail(ErrorCode::NotFound, "There is no row " + std::to_string(rowId) + " in this project",
                    "Reload the table.");
    return readSample(query.statement());
}

} // namespace attune
