#include "core/store/bench_import.h"

#include <chrono>
#include <fstream>
#include <unistd.h>

#include "core/base/rng.h"
#include "core/data/import_file.h"
#include "core/store/dataset_appender.h"
#include "core/store/project.h"

namespace attune {

namespace {

std::int64_t residentBytes() {
    std::ifstream statm("/proc/self/statm");
    std::int64_t size = 0, resident = 0;
    statm >> size >> resident;
    return resident * ::sysconf(_SC_PAGESIZE);
}

// Rows of about 350 bytes whose words differ, as a support mailbox would have them.
Status writeRows(const fs::path& file, std::int64_t rows) {
    static constexpr const char* kWords[] = {"order",  "invoice", "delivery", "please", "tomorrow", "broken",  "kettle", "refund",
                                             "answer", "website", "customer", "thanks", "number",   "waiting", "since",  "monday"};
    std::ofstream out(file, std::ios::binary);
    Rng rng(11);
    const auto words = [&](int count) {
        std::string text;
        for (int i = 0; i < count; ++i)
            text += std::string(i ? " " : "") + kWords[rng.below(std::size(kWords))];
        return text;
    };
    for (std::int64_t row = 0; row < rows; ++row)
        out << R"({"prompt": "Message )" << row << ": " << words(30) << R"(", "completion": ")" << words(12) << "\"}\n";
    out.close();
    if (!out)
        return fail(ErrorCode::Io, "Cannot write " + file.string(), "Check the free space of the temporary folder.");
    return {};
}

Result<Json> measure(const fs::path& folder, std::int64_t rows, std::stop_token stop) {
    const fs::path file = folder / "rows.jsonl";
    ATTUNE_CHECK(writeRows(file, rows));
    ATTUNE_ASSIGN(const auto project, Project::create(folder / "bench.attune"));
    const std::int64_t before = residentBytes();
    const auto start = std::chrono::steady_clock::now();
    ATTUNE_ASSIGN(const auto appender, project->datasets().beginImport("bench", file.string(), ""));
    ATTUNE_ASSIGN(const ImportSummary summary, importFile(
                                                   file, {}, [&](Sample&& sample) { return appender->add(sample); },
                                                   [](const ImportProblem&) {}, Progress{.stop = stop}));
    ATTUNE_CHECK(appender->commit());
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const auto bytes = static_cast<double>(fs::file_size(file));
    return Json{{"rows_per_second", static_cast<double>(summary.rows) / seconds}, {"bytes_per_second", bytes / seconds},
                {"seconds", seconds},                                             {"rows", summary.rows},
                {"bytes", bytes},                                                 {"resident_growth_bytes", residentBytes() - before}};
}

} // namespace

Result<Json> benchImport(std::int64_t rows, std::stop_token stop) {
    std::string name = (fs::temp_directory_path() / "attune-bench-XXXXXX").string();
    if (!::mkdtemp(name.data()))
        return fail(errnoError(errno, "Cannot create", name));
    auto result = measure(name, rows, stop);
    std::error_code code;
    fs::remove_all(name, code);
    return result;
}

} // namespace attune
