#include "ui/views/data/export_rows.h"

#include <algorithm>

#include "core/data/jsonl_export.h"
#include "core/store/project.h"

namespace attune {
namespace {

constexpr std::size_t kRowsAtOnce = 256;

} // namespace

Result<std::int64_t> exportRows(Project& project, std::span<const RowId> rows, const fs::path& file,
                                const Progress& progress) {
    std::vector<StoredSample> batch;
    std::size_t next = 0, inBatch = 0;
    return writeJsonl(
        file,
        [&]() -> Result<std::optional<Sample>> {
            if (inBatch >= batch.size()) {
                if (next >= rows.size())
                    return std::optional<Sample>();
                const std::size_t count = std::min(kRowsAtOnce, rows.size() - next);
                ATTUNE_ASSIGN(batch, project.datasets().samples(rows.subspan(next, count)));
                next += count;
                inBatch = 0;
                progress.report(double(next) / double(rows.size()), "Exporting rows");
            }
            return std::optional<Sample>(std::move(batch[inBatch++].sample));
        },
        progress);
}

} // namespace attune
