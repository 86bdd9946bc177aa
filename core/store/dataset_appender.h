// The way into a dataset for an import: rows go to the writer in batches, memory stays bounded, and nothing is visible
// before commit(). Used from one thread. Destroyed without commit, everything it wrote is removed again.
#pragma once

#include <cstdint>
#include <deque>
#include <future>
#include <memory>
#include <vector>

#include "core/base/result.h"
#include "core/data/import_problem.h"
#include "core/data/sample.h"

namespace attune {

class Database;
struct RowBatch; // encoded rows on their way to the writer

class DatasetAppender {
public:
    DatasetAppender(Database& database, std::int64_t datasetId);
    ~DatasetAppender();
    DatasetAppender(const DatasetAppender&) = delete;
    DatasetAppender& operator=(const DatasetAppender&) = delete;

    std::int64_t datasetId() const { return m_datasetId; }
    /// Errors: those of writing an earlier batch (OutOfSpace, Io); the import is then over.
    Status add(const Sample& sample);
    Status addProblem(const ImportProblem& problem);
    /// Writes what is left and makes the dataset visible. Errors: as add(), and InvalidData when no row came.
    Status commit();
    std::int64_t rows() const { return m_rows; }
    std::int64_t problems() const { return m_problems; }

private:
    Status send();
    Status waitFor(std::size_t inFlight);

    Database& m_database;
    std::int64_t m_datasetId;
    std::int64_t m_rows = 0, m_problems = 0;
    std::shared_ptr<RowBatch> m_batch;
    std::deque<std::future<Status>> m_inFlight;
    bool m_done = false;
};

} // namespace attune
