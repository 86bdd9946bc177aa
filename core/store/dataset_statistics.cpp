// DatasetStore's counts: token counts and the numbers over a whole dataset.
#include <algorithm>
#include <bit>

#include "core/store/connection.h"
#include "core/store/database.h"
#include "core/store/dataset_store.h"

namespace attune {

namespace {

constexpr std::int64_t kMaxBins = 64;

void readHistogram(Connection& connection, std::int64_t datasetId, DatasetStatistics& statistics) {
    // The smallest power of two that fits everything into the bins.
    statistics.binWidth =
        static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(statistics.maxTokens / kMaxBins + 1)));
    statistics.tokenHistogram.assign(static_cast<std::size_t>(statistics.maxTokens / statistics.binWidth + 1), 0);
    Query bins(connection,
               "SELECT tokens/?2,count(*) FROM samples WHERE dataset_id=?1 AND deleted=0 AND tokens IS NOT NULL "
               "GROUP BY 1");
    bins.bind(datasetId, statistics.binWidth);
    while (bins.step())
        if (bins.integer(0) >= 0 && bins.integer(0) < std::ssize(statistics.tokenHistogram))
            statistics.tokenHistogram[static_cast<std::size_t>(bins.integer(0))] = bins.integer(1);
}

} // namespace

Status DatasetStore::setTokenCounts(std::int64_t datasetId, const std::string& tokenizer,
                                    std::span<const TokenCount> counts) {
    return m_database.write([&](Connection& connection) -> Status {
        const bool other = Query(connection, "UPDATE datasets SET tokenizer=?1 WHERE id=?2 AND tokenizer<>?1")
                               .bind(tokenizer, datasetId)
                               .exec() > 0;
        if (other)
            Query(connection, "UPDATE samples SET tokens=NULL WHERE dataset_id=?").bind(datasetId).exec();
        for (const auto& [id, tokens] : counts)
            Query(connection, "UPDATE samples SET tokens=? WHERE id=? AND dataset_id=?")
                .bind(tokens, id, datasetId)
                .exec();
        return {};
    });
}

Result<DatasetStatistics> DatasetStore::statistics(std::int64_t datasetId) {
    return m_database.read([&](Connection& connection) -> Result<DatasetStatistics> {
        DatasetStatistics found;
        {
            Query groups(connection,
                         "SELECT deleted,split,kind,count(*),sum(length),count(tokens),total(tokens),max(tokens),"
                         "sum(content_id<>imported_id) FROM samples WHERE dataset_id=? GROUP BY deleted,split,kind");
            groups.bind(datasetId);
            while (groups.step()) {
                const std::int64_t rows = groups.integer(3);
                if (groups.integer(0) != 0) {
                    found.deleted += rows;
                    continue;
                }
                found.rows += rows;
                found.bySplit[static_cast<std::size_t>(groups.integer(1) & 3)] += rows;
                if (const auto kind = static_cast<std::size_t>(groups.integer(2)); kind < found.byKind.size())
                    found.byKind[kind] += rows;
                found.bytes += groups.integer(4);
                found.counted += groups.integer(5);
                found.tokens += static_cast<std::int64_t>(groups.real(6));
                found.maxTokens = std::max(found.maxTokens, groups.integer(7));
                found.edited += groups.integer(8);
            }
        }
        {
            Query problems(connection, "SELECT count(*) FROM import_problems WHERE dataset_id=?");
            problems.bind(datasetId).step();
            found.problems = problems.integer(0);
        }
        {
            Query different(connection, "SELECT count(DISTINCT hash) FROM samples WHERE dataset_id=? AND deleted=0");
            different.bind(datasetId).step();
            found.duplicates = found.rows - different.integer(0);
        }
        if (found.counted > 0)
            readHistogram(connection, datasetId, found);
        return found;
    });
}

} // namespace attune
