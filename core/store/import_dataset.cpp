#include "core/store/import_dataset.h"

#include "core/store/dataset_appender.h"

namespace attune {

Result<ImportedDataset> importDataset(DatasetStore& store, const fs::path& file, const std::string& name,
                                      const ImportOptions& options, const Progress& progress) {
    ImportOptions resolved = options;
    if (!resolved.mapping) { // known before the import begins, so that it is stored with the dataset
        ATTUNE_ASSIGN(const FileInspection inspection, inspectFile(file));
        resolved.mapping = inspection.mapping;
        resolved.importer = inspection.importer;
    }
    ATTUNE_ASSIGN(const auto appender, store.beginImport(name.empty() ? file.stem().string() : name, file.string(),
                                                         toJson(*resolved.mapping).dump()));
    ImportedDataset imported;
    imported.datasetId = appender->datasetId();
    Status problemsKept;
    ATTUNE_ASSIGN(imported.summary, importFile(
                                        file, resolved, [&](Sample&& sample) { return appender->add(sample); },
                                        [&](const ImportProblem& problem) {
                                            if (problemsKept)
                                                problemsKept = appender->addProblem(problem);
                                        },
                                        progress));
    ATTUNE_CHECK(problemsKept);
    ATTUNE_CHECK(appender->commit());
    return imported;
}

} // namespace attune
