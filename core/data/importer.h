// Readers of file types. Each one streams rows as JSON values (an object per row) in bounded memory; a bad row is
// reported and the reading goes on. Adding a file type is one file in importers/ and one line in builtin_importers.cpp.
// Safe from any thread.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/base/param_spec.h"
#include "core/base/progress.h"
#include "core/base/result.h"
#include "core/data/import_problem.h"

namespace attune {

struct ImportLimits {
    std::size_t maxRowBytes = std::size_t{16} << 20;
    std::size_t maxDepth = 32;
    std::size_t maxRowValues = 1'000'000;
    std::int64_t maxRows = 0; // 0 = all
};

struct RawRow {
    std::int64_t row = 0;  // 1-based
    std::int64_t line = 0; // where it begins, 1-based
    Json value;            // an object
};

/// Returns false to end the reading.
using OnRow = std::function<bool(RawRow&& row)>;
using OnProblem = std::function<void(const ImportProblem& problem)>;

class Importer {
public:
    virtual ~Importer() = default;
    virtual const Described& description() const = 0;
    /// How well the beginning of a file fits, 0 (not at all) to 1. `extension` in lower case with its dot.
    virtual double sniff(std::string_view head, std::string_view extension) const = 0;
    /// Errors: those of the file as a whole (NotFound, Io, Cancelled, InvalidData when it is not of this type).
    virtual Status read(const fs::path& file, const ImportLimits& limits, const OnRow& onRow,
                        const OnProblem& onProblem, const Progress& progress) const = 0;
};

const std::vector<const Importer*>& importers();
const Importer* findImporter(std::string_view id);
/// Whether the file may hold text at all. Errors: NotFound, Io, InvalidData (empty, UTF-16), Unsupported (a picture, an archive,
/// an office file, ... whatever its name says).
Status checkReadable(const fs::path& file);
/// The importer that fits best. Errors: as checkReadable, Unsupported (names the readable types).
Result<const Importer*> sniffImporter(const fs::path& file);

} // namespace attune
