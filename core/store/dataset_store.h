// Datasets of a project: samples, the problems of their import, and frozen versions that a run can name for ever.
// Safe to call from any thread; calls that scan many rows belong on a background thread. Contents are immutable: an
// edit adds a new content and points the row at it, so a frozen version keeps exactly what it was frozen with.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/base/result.h"
#include "core/data/import_problem.h"
#include "core/data/sample.h"
#include "core/data/sample_source.h"

namespace attune {

class Database;
class DatasetAppender; // dataset_appender.h: the way in for an import

using RowId = std::int64_t; // of a stored sample, unique in the project, never reused

struct DatasetInfo {
    std::int64_t id = 0;
    std::string name, sourceFile;
    std::string mapping;       // how the columns were read (Mapping as JSON)
    std::int64_t created = 0;  // milliseconds since 1970, UTC
    std::int64_t rows = 0;     // without deleted ones
    std::int64_t problems = 0; // rows that could not be read
    std::string tokenizer;     // hash of the tokenizer behind the token counts, "" = not counted
};

struct StoredSample {
    RowId rowId = 0;
    std::int64_t datasetId = 0;
    Sample sample;
    std::int64_t length = 0;                // bytes of all its texts
    std::optional<std::int64_t> tokenCount; // known after counting with a tokenizer
    bool edited = false;                    // differs from what was imported
    bool deleted = false;
};

enum class SampleOrder { Imported, SourceRow, Length, Tokens, Split };

/// Which rows and in which order. Empty fields do not filter.
struct SampleQuery {
    std::int64_t datasetId = 0;
    std::string text; // rows whose texts contain it, whatever the case
    std::optional<Split> split;
    std::optional<SampleKind> kind;
    std::string tag;
    std::optional<std::int64_t> minTokens, maxTokens; // rows without a count never match these
    bool deleted = false;                             // true: the trash instead of the rows
    SampleOrder order = SampleOrder::Imported;
    bool descending = false;
};

struct SplitAssignment {
    RowId rowId = 0;
    Split split = Split::None;
};

struct TagAssignment {
    RowId rowId = 0;
    std::vector<std::string> tags; // the whole list of the row
};

struct TokenCount {
    RowId rowId = 0;
    std::int64_t tokens = 0;
};

struct DatasetStatistics {
    std::int64_t rows = 0, deleted = 0, edited = 0, problems = 0;
    std::array<std::int64_t, 4> bySplit{};               // by Split
    std::array<std::int64_t, 5> byKind{};                // by SampleKind
    std::int64_t bytes = 0;                              // of all texts
    std::int64_t counted = 0, tokens = 0, maxTokens = 0; // over rows with a token count
    std::int64_t binWidth = 1;                           // of the histogram, a power of two
    std::vector<std::int64_t> tokenHistogram; // bin i: rows with binWidth*i <= tokens < binWidth*(i+1); at most 64 bins
    std::int64_t duplicates = 0;              // rows whose content another row already has
};

struct DatasetVersion {
    std::int64_t id = 0, datasetId = 0;
    int number = 0;   // 1, 2, ... within the dataset
    std::string hash; // XXH3-128 over the canonical rows with their splits, in order; independent of ids and project
    std::string note;
    std::int64_t created = 0; // milliseconds since 1970, UTC
    std::array<std::int64_t, 4> bySplit{};
};

class DatasetStore {
public:
    explicit DatasetStore(Database& database) : m_database(database) {}

    // Datasets
    /// Begins an import; the dataset becomes visible with DatasetAppender::commit().
    Result<std::unique_ptr<DatasetAppender>> beginImport(const std::string& name, const std::string& sourceFile,
                                                         const std::string& mapping);
    /// Newest first.
    Result<std::vector<DatasetInfo>> list();
    Result<DatasetInfo> get(std::int64_t datasetId);
    Status rename(std::int64_t datasetId, const std::string& name);
    /// Hides the dataset or brings it back; its rows and versions stay.
    Status setRemoved(std::int64_t datasetId, bool removed);
    /// The problems of the import, by row.
    Result<std::vector<ImportProblem>> problems(std::int64_t datasetId, std::size_t limit = 10'000);

    // Rows. The table of a window holds the ids of its query (8 bytes a row) and reads the samples of the visible page.
    /// All matching ids in order; a million rows take a fraction of a second, with a text filter a few seconds. Errors:
    /// Cancelled.
    Result<std::vector<RowId>> ids(const SampleQuery& query, const Progress& progress = {});
    Result<std::int64_t> count(const SampleQuery& query, const Progress& progress = {});
    /// The samples of these ids, in their order. Errors: NotFound names the first id that does not exist.
    Result<std::vector<StoredSample>> samples(std::span<const RowId> rowIds);
    Result<StoredSample> sample(RowId rowId);
    /// Every sample of a query in order, one at a time (export, token counting); `onSample` returns false to end early.
    Status forEach(const SampleQuery& query, const std::function<bool(const StoredSample&)>& onSample,
                   const Progress& progress = {});

    // Edits. Each returns what was there before; giving that back to the same function undoes it.
    Result<StoredSample> update(RowId rowId, const Sample& sample);
    Result<std::vector<SplitAssignment>> assignSplits(std::span<const SplitAssignment> splits);
    Result<std::vector<TagAssignment>> setTags(std::span<const TagAssignment> tags);
    /// Moves rows to the trash or back. Returns the ids that changed.
    Result<std::vector<RowId>> setDeleted(std::span<const RowId> rowIds, bool deleted);
    /// A new row at the end. Returns its id (undo: setDeleted).
    Result<RowId> add(std::int64_t datasetId, const Sample& sample);

    // Counts
    /// Records token counts made with `tokenizer` (a hash). Counts of another tokenizer are forgotten.
    Status setTokenCounts(std::int64_t datasetId, const std::string& tokenizer, std::span<const TokenCount> counts);
    Result<DatasetStatistics> statistics(std::int64_t datasetId);

    // Versions
    /// Freezes the rows (without deleted ones) and their splits. When nothing changed since the newest version, that
    /// one is returned. Errors: InvalidData when there is no row.
    Result<DatasetVersion> freeze(std::int64_t datasetId, const std::string& note = {});
    Result<std::vector<DatasetVersion>> versions(std::int64_t datasetId); // newest first
    Result<DatasetVersion> version(std::int64_t versionId);
    /// The samples of one split of a version, as the engine reads them. Lives as long as the project is open.
    /// hash() is the version's hash and the split. Errors: NotFound; InvalidData when the split is empty.
    Result<std::shared_ptr<const SampleSource>> source(std::int64_t versionId, Split split);

private:
    Database& m_database;
};

} // namespace attune
