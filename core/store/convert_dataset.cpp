#include "core/store/convert_dataset.h"

#include "core/data/convert_sample.h"
#include "core/store/dataset_appender.h"

namespace attune {

Result<DatasetVersion> convertDataset(DatasetStore& store, std::int64_t versionId, SampleKind to, const std::string& name,
                                      const Progress& progress) {
    ATTUNE_ASSIGN(const DatasetVersion from, store.version(versionId));
    ATTUNE_ASSIGN(const auto appender, store.beginImport(name, "version " + std::to_string(from.number), {}));
    std::int64_t all = 0, seen = 0;
    for (const std::int64_t rows : from.bySplit)
        all += rows;
    for (const Split split : {Split::None, Split::Train, Split::Validation, Split::Test}) {
        if (from.bySplit[static_cast<std::size_t>(split)] == 0)
            continue;
        ATTUNE_ASSIGN(const auto rows, store.source(versionId, split));
        for (std::size_t i = 0; i < rows->size(); ++i, ++seen) {
            if (progress.cancelled())
                return fail(ErrorCode::Cancelled, "The conversion was cancelled");
            if (seen % 256 == 0)
                progress.report(static_cast<double>(seen) / static_cast<double>(all), "Converting rows");
            ATTUNE_ASSIGN(Sample sample, rows->at(i));
            sample.split = split;
            for (const Sample& made : convertSample(sample, to))
                ATTUNE_CHECK(appender->add(made));
        }
    }
    if (appender->rows() == 0)
        return fail(ErrorCode::InvalidArgument, "No row of this version can be turned into the other kind",
                    "Import rows of that kind in Data.");
    ATTUNE_CHECK(appender->commit());
    return store.freeze(appender->datasetId(), "Converted");
}

} // namespace attune
