#include "ui/views/data/health_check.h"

#include "core/store/project.h"
#include "ui/views/data/row_tokens.h"

namespace attune {
namespace {

constexpr std::size_t kCountsAtOnce = 4096; // token counts written at once

/// Tokens of the rows that have no count of this tokenizer yet. A row that cannot be tokenized stays without.
Status countTokens(DatasetStore& store, std::int64_t datasetId, const PromptFormat& format, const Progress& progress) {
    ATTUNE_ASSIGN(const DatasetInfo info, store.get(datasetId));
    const std::string& tokenizer = format.tokenizer().hash();
    const bool sameTokenizer = info.tokenizer == tokenizer;
    SampleQuery query;
    query.datasetId = datasetId;
    std::vector<TokenCount> counts;
    std::int64_t seen = 0;
    Status written;
    const auto write = [&] {
        written = store.setTokenCounts(datasetId, tokenizer, counts);
        counts.clear();
    };
    ATTUNE_CHECK(store.forEach(
        query,
        [&](const StoredSample& stored) {
            if (++seen % 64 == 0 && info.rows > 0)
                progress.report(0.8 * double(seen) / double(info.rows), "Counting tokens");
            if (sameTokenizer && stored.tokenCount)
                return true;
            if (const auto row = tokensOf(format, stored.sample))
                counts.push_back({stored.rowId, std::int64_t(row->ids.size())});
            if (counts.size() >= kCountsAtOnce)
                write();
            return written.has_value() && !progress.cancelled();
        },
        progress));
    ATTUNE_CHECK(written);
    if (progress.cancelled())
        return fail(ErrorCode::Cancelled, "The check was cancelled.");
    if (!counts.empty() || !sameTokenizer)
        write();
    return written;
}

} // namespace

ControlTokens controlTokensOf(const PromptFormat* format) {
    return format ? ControlTokens::of(format->tokenizer()) : ControlTokens::usual();
}

Result<HealthReport> checkHealth(Project& project, std::int64_t datasetId, std::shared_ptr<const PromptFormat> format,
                                 std::int64_t contextLength, const Progress& progress) {
    DatasetStore& store = project.datasets();
    if (format)
        ATTUNE_CHECK(countTokens(store, datasetId, *format, progress));
    HealthReport report;
    report.contextLength = contextLength;
    ATTUNE_ASSIGN(report.statistics, store.statistics(datasetId));
    QualityCheck check({}, 0, controlTokensOf(format.get()));
    SampleQuery query;
    query.datasetId = datasetId;
    std::int64_t seen = 0;
    ATTUNE_CHECK(store.forEach(
        query,
        [&](const StoredSample& stored) {
            Sample sample = stored.sample;
            sample.sourceRow =
                stored.rowId; // so that the report lists rows of the store, which are unique across files
            check.add(sample);
            if (++seen % 256 == 0 && report.statistics.rows > 0)
                progress.report(0.8 + 0.2 * double(seen) / double(report.statistics.rows),
                                "Looking for duplicates and leaks");
            return !progress.cancelled();
        },
        progress));
    if (progress.cancelled())
        return fail(ErrorCode::Cancelled, "The check was cancelled.");
    report.quality = check.report();
    if (contextLength > 0 && report.statistics.counted > 0) {
        query.minTokens = contextLength + 1;
        ATTUNE_ASSIGN(report.tooLong, store.count(query, progress));
    }
    return report;
}

} // namespace attune
