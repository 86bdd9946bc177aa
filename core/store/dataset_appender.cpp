#include "core/store/dataset_appender.h"

#include "core/store/connection.h"
#include "core/store/database.h"
#include "core/store/import_cleanup.h"
#include "core/store/sample_rows.h"

namespace attune {

struct RowBatch {
    std::vector<EncodedSample> rows;
    std::vector<ImportProblem> problems;
    std::size_t bytes = 0;
};

namespace {

// A batch is one transaction: large enough that its fsync costs nothing, small enough that three of them stay in
// memory.
constexpr std::size_t kBatchRows = 4000;
constexpr std::size_t kBatchBytes = std::size_t{4} << 20;
constexpr std::size_t kBatchesInFlight = 2;
constexpr std::int64_t kKeptProblems = 100'000; // counted beyond that, but not kept one by one

Status writeBatch(Connection& connection, std::int64_t datasetId, const RowBatch& batch) {
    for (const EncodedSample& row : batch.rows)
        insertSample(connection, datasetId, row);
    for (const ImportProblem& problem : batch.problems)
        Query(connection, "INSERT INTO import_problems(dataset_id,row,line,field,reason) VALUES(?,?,?,?,?)")
            .bind(datasetId, problem.row, problem.line, problem.field, problem.reason)
            .exec();
    return {};
}

} // namespace

DatasetAppender::DatasetAppender(Database& database, std::int64_t datasetId)
    : m_database(database), m_datasetId(datasetId), m_batch(std::make_shared<RowBatch>()) {}

DatasetAppender::~DatasetAppender() {
    if (m_done)
        return;
    (void)waitFor(0);
    discardImport(m_database, m_datasetId);
}

Status DatasetAppender::add(const Sample& sample) {
    ATTUNE_ASSIGN(auto row, encodeSample(sample));
    m_batch->bytes += row.messages.size() + row.text.size() + row.chosen.size() + row.rejected.size();
    m_batch->rows.push_back(std::move(row));
    ++m_rows;
    if (m_batch->rows.size() >= kBatchRows || m_batch->bytes >= kBatchBytes)
        return send();
    return {};
}

Status DatasetAppender::addProblem(const ImportProblem& problem) {
    if (++m_problems > kKeptProblems)
        return {};
    m_batch->problems.push_back(problem);
    if (m_batch->problems.size() >= kBatchRows)
        return send();
    return {};
}

Status DatasetAppender::send() {
    ATTUNE_CHECK(waitFor(kBatchesInFlight - 1));
    auto batch = std::exchange(m_batch, std::make_shared<RowBatch>());
    m_inFlight.push_back(m_database.post(
        [batch, id = m_datasetId](Connection& connection) { return writeBatch(connection, id, *batch); }));
    return {};
}

Status DatasetAppender::waitFor(std::size_t inFlight) {
    while (m_inFlight.size() > inFlight) {
        Status status = m_inFlight.front().get();
        m_inFlight.pop_front();
        ATTUNE_CHECK(status);
    }
    return {};
}

Status DatasetAppender::commit() {
    if (m_rows == 0)
        return fail(ErrorCode::InvalidData, "The import has no usable row",
                    "Look at the listed problems and correct the file.");
    ATTUNE_CHECK(send());
    ATTUNE_CHECK(waitFor(0));
    ATTUNE_CHECK(m_database.write([this](Connection& connection) -> Status {
        Query(connection, "UPDATE datasets SET state='ready' WHERE id=?").bind(m_datasetId).exec();
        return {};
    }));
    m_done = true;
    return {};
}

} // namespace attune
