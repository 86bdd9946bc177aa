// A file into a dataset of a project, in one call: the window, the command line and bench_import use the same. Any
// thread.
#pragma once

#include <string>

#include "core/data/import_file.h"
#include "core/store/dataset_store.h"

namespace attune {

struct ImportedDataset {
    std::int64_t datasetId = 0;
    ImportSummary summary;
};

/// `name` "" = the file's name without extension. Problems are kept with the dataset. On an error or a cancel nothing
/// is left.
Result<ImportedDataset> importDataset(DatasetStore& store, const fs::path& file, const std::string& name,
                                      const ImportOptions& options, const Progress& progress = {});

} // namespace attune
