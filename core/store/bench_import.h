// Measures an import of JSON Lines, or of a file in any format that can be imported, into a new project. Any thread.
#pragma once

#include <cstdint>
#include <stop_token>
#include <utility>

#include "core/base/files.h"
#include "core/base/json.h"

namespace attune {

/// A folder of its own under the temporary folder, removed with everything in it.
class BenchFolder {
public:
    static Result<BenchFolder> create();
    BenchFolder(BenchFolder&& other) noexcept : m_path(std::exchange(other.m_path, {})) {}
    BenchFolder& operator=(BenchFolder&&) = delete;
    ~BenchFolder();
    const fs::path& path() const { return m_path; }

private:
    explicit BenchFolder(fs::path path) : m_path(std::move(path)) {}
    fs::path m_path;
};

/// Imports `file` (never changed), or without one `rows` generated conversations (about 390 bytes each, written into `folder`),
/// into the new project `project`. The time runs from opening the file until everything is on the disk; making the rows and the
/// project is not in it. Gives rows, problems (rows left out), file_bytes, seconds, rows_per_second, bytes_per_second (of the
/// file). Errors: as importDataset.
Result<Json> importForBench(const BenchFolder& folder, const fs::path& project, const fs::path& file, std::int64_t rows,
                            std::stop_token stop);

/// The same in a folder of its own, which is removed again; also gives peak_bytes (resident, of the whole process).
Result<Json> benchImport(const fs::path& file, std::int64_t rows, std::stop_token stop);

} // namespace attune
