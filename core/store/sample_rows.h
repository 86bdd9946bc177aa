// Writing and reading one sample in the tables `contents` and `samples`. On a connection, so for the inside of this
// folder only.
#pragma once

#include <string>

#include "core/store/connection.h"
#include "core/store/dataset_store.h"
#include "core/store/sample_codec.h"

namespace attune {

/// Stores the texts and returns the new content's id.
std::int64_t insertContent(Connection& connection, const EncodedSample& row);
/// Stores texts and row; returns the row's id.
RowId insertSample(Connection& connection, std::int64_t datasetId, const EncodedSample& row);

/// The columns readSample() expects first, from `samples s JOIN contents c`.
extern const char* const kSampleColumns;
Result<StoredSample> readSample(SQLite::Statement& row);

/// The row with its texts. Errors: NotFound.
Result<StoredSample> findSample(Connection& connection, RowId rowId);

} // namespace attune
