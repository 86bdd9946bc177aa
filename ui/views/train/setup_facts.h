// What the set-up page must know and can only read from the disk: the model folder, the frozen versions and the size of
// their rows. Plain functions for tasks; no widgets, no state.
#pragma once

#include <vector>

#include <QString>

#include "core/base/progress.h"
#include "core/model_files/model_config.h"
#include "core/plan/data_fit.h"
#include "core/plan/estimate.h"
#include "core/store/dataset_store.h"

namespace attune {

class Project;

struct ModelFacts {
    QString folder, name; // name: of the folder
    ModelConfig config;
    bool hasTokenizer = false, hasTemplate = false;
    qint64 weightBytes = 0;
};
/// Config and file list of a model folder; no weights are read. Errors: ModelSource::open and readModelConfig say why.
Result<ModelFacts> readModelFacts(const QString& folder);

struct VersionFacts {
    DatasetVersion version;
    QString dataset;       // its name
    QString label() const; // "Version 3 · claims"
};
struct DataFacts {
    std::vector<VersionFacts> versions; // newest first
    std::vector<DatasetInfo> datasets;  // newest first, for freezing
};
Result<DataFacts> readDataFacts(Project& project);

struct RowFacts {
    DataShape shape;        // of the training part
    KindCounts kinds;       // of the dataset's rows
    bool estimated = false; // tokens from bytes: nothing has counted them yet
};
/// Errors: what the store says; Cancelled.
Result<RowFacts> readRowFacts(Project& project, const DatasetVersion& version, const Progress& progress);

} // namespace attune
