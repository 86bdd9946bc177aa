// A file into a dataset of a project, in one call: the window, the command line and the measurement use the same. Any
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

struct ImportBench {
    std::int64_t rows = 0, fileBytes = 0;
    double seconds = 0, rowsPerSecond = 0;
    std::int64_t peakBytes = 0; // resident, of the whole process
};

/// Writes `rows` generated rows (about 400 bytes each) into `folder`, imports them into a new project there and
/// measures the import. The files are removed again.
Result<ImportBench> benchImport(const fs::path& folder, std::int64_t rows, const Progress& progress = {});

} // namespace attune
