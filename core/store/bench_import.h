// Measures an import from JSON Lines into a new project. Any thread.
#pragma once

#include <cstdint>
#include <stop_token>
#include <utility>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/base/result.h"

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

/// Writes `rows` generated conversations (about 390 bytes each) into a file in `folder` and imports them into the new project
/// `project`. Gives rows, file_bytes, seconds, rows_per_second of the import.
Result<Json> importBenchRows(const BenchFolder& folder, const fs::path& project, std::int64_t rows, std::stop_token stop);

/// Writes `rows` generated conversations (about 390 bytes each) into a folder of its own under the temporary folder,
/// imports them and removes everything again. Gives rows, file_bytes, seconds, rows_per_second, peak_bytes (resident,
/// of the whole process).
Result<Json> benchImport(std::int64_t rows, std::stop_token stop);

} // namespace attune
