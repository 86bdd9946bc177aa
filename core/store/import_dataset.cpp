#include "core/store/import_dataset.h"

#include <chrono>
#include <sys/resource.h>

#include "core/base/rng.h"
#include "core/store/dataset_appender.h"
#include "core/store/project.h"

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

namespace {

std::string benchRow(std::int64_t number) {
    static constexpr const char* kWords[] = {"order",   "arrived", "late",   "invoice", "please",  "customer",
                                             "device",  "screen",  "refund", "account", "because", "yesterday",
                                             "support", "thanks",  "number", "update"};
    Rng rng(static_cast<std::uint64_t>(number), 7);
    const auto words = [&](int count) {
        std::string text;
        for (int i = 0; i < count; ++i)
            (text += i == 0 ? "" : " ") += kWords[rng.below(std::size(kWords))];
        return text;
    };
    return R"({"messages":[{"role":"user","content":"Ticket )" + std::to_string(number) + ": " + words(24) +
           R"("},{"role":"assistant","content":")" + words(16) + "\"}]}\n";
}

} // namespace

Result<ImportBench> benchImport(const fs::path& folder, std::int64_t rows, const Progress& progress) {
    const fs::path file = folder / "bench-import.jsonl", projectFolder = folder / "bench-import.attune";
    struct Cleaner {
        const fs::path &file, &project;
        ~Cleaner() {
            std::error_code error;
            fs::remove(file, error);
            fs::remove_all(project, error);
        }
    } cleaner{file, projectFolder};
    {
        ATTUNE_ASSIGN(AtomicFile output, AtomicFile::create(file));
        std::string buffer;
        for (std::int64_t row = 0; row < rows; ++row) {
            buffer += benchRow(row);
            if (buffer.size() > (std::size_t{1} << 20) || row + 1 == rows) {
                ATTUNE_CHECK(output.write(buffer));
                buffer.clear();
            }
        }
        ATTUNE_CHECK(output.commit());
    }
    ImportBench bench;
    std::error_code error;
    bench.fileBytes = static_cast<std::int64_t>(fs::file_size(file, error));
    ATTUNE_ASSIGN(const auto project, Project::create(projectFolder));
    const auto begin = std::chrono::steady_clock::now();
    ATTUNE_ASSIGN(const ImportedDataset imported, importDataset(project->datasets(), file, "bench", {}, progress));
    bench.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    bench.rows = imported.summary.rows;
    bench.rowsPerSecond = static_cast<double>(bench.rows) / bench.seconds;
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    bench.peakBytes = std::int64_t{usage.ru_maxrss} * 1024;
    return bench;
}

} // namespace attune
