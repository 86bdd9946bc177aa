#include "core/store/bench_import.h"

#include <cerrno>
#include <chrono>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/rng.h"
#include "core/store/import_dataset.h"
#include "core/store/project.h"

namespace attune {

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

Status writeBenchRows(const fs::path& file, std::int64_t rows, const std::stop_token& stop) {
    ATTUNE_ASSIGN(AtomicFile output, AtomicFile::create(file));
    std::string buffer;
    for (std::int64_t row = 0; row < rows; ++row) {
        if (stop.stop_requested())
            return fail(ErrorCode::Cancelled, "The measurement was cancelled");
        buffer += benchRow(row);
        if (buffer.size() > (std::size_t{1} << 20) || row + 1 == rows) {
            ATTUNE_CHECK(output.write(buffer));
            buffer.clear();
        }
    }
    return output.commit();
}

} // namespace

Result<BenchFolder> BenchFolder::create() {
    std::error_code error;
    fs::path folder = fs::temp_directory_path(error) / ("attune-bench-" + std::to_string(::getpid()));
    if (error || !fs::create_directory(folder, error))
        return fail(errnoError(error ? error.value() : EEXIST, "Cannot make the folder", folder));
    return BenchFolder(std::move(folder));
}

BenchFolder::~BenchFolder() {
    std::error_code error;
    if (!m_path.empty())
        fs::remove_all(m_path, error);
}

Result<Json> importForBench(const BenchFolder& folder, const fs::path& projectFolder, const fs::path& given,
                            std::int64_t rows, std::stop_token stop) {
    std::error_code error;
    Progress progress;
    progress.stop = stop;
    const fs::path file = given.empty() ? folder.path() / "bench-import.jsonl" : given;
    if (given.empty())
        ATTUNE_CHECK(writeBenchRows(file, rows, stop));
    const auto bytes = static_cast<double>(fs::file_size(file, error));
    if (error)
        return fail(errnoError(error.value(), "Cannot read", file));
    ATTUNE_ASSIGN(const auto project, Project::create(projectFolder));
    const auto begin = std::chrono::steady_clock::now();
    ATTUNE_ASSIGN(const ImportedDataset imported, importDataset(project->datasets(), file, "bench", {}, progress));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return Json{{"rows", imported.summary.rows},
                {"problems", imported.summary.problems},
                {"file_bytes", static_cast<std::int64_t>(bytes)},
                {"seconds", seconds},
                {"rows_per_second", static_cast<double>(imported.summary.rows) / seconds},
                {"bytes_per_second", bytes / seconds}};
}

Result<Json> benchImport(const fs::path& file, std::int64_t rows, std::stop_token stop) {
    ATTUNE_ASSIGN(const BenchFolder folder, BenchFolder::create());
    ATTUNE_ASSIGN(Json result, importForBench(folder, folder.path() / "bench-import.attune", file, rows, stop));
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    result["peak_bytes"] = std::int64_t{usage.ru_maxrss} * 1024;
    return result;
}

} // namespace attune
