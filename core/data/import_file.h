// From a file to samples: detect the type and the mapping, show what would come out, then stream. Safe from any thread;
// the database is not known here (the caller hands the samples on).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/data/importer.h"
#include "core/data/mapping.h"
#include "core/data/sample.h"

namespace attune {

/// What a look at the beginning of a file tells.
struct FileInspection {
    std::string importer;                // id
    std::vector<std::string> columns;    // sorted by name
    std::vector<Json> rows;              // the first rows as they are in the file
    Mapping mapping;                     // detected
    std::vector<Sample> preview;         // `rows` through the mapping (those that fit)
    std::vector<ImportProblem> problems; // among the first rows
};

/// Errors: as sniffImporter; InvalidData when no row can be read or no mapping fits (the message names the columns).
Result<FileInspection> inspectFile(const fs::path& file, std::size_t rows = 100);
/// The same rows through another mapping.
std::vector<Sample> previewSamples(const std::vector<Json>& rows, const Mapping& mapping,
                                   std::vector<ImportProblem>* problems = nullptr);

struct ImportOptions {
    std::string importer;           // "" = detect
    std::optional<Mapping> mapping; // empty = detect
    ImportLimits limits;
};

struct ImportSummary {
    std::string importer;
    Mapping mapping;
    std::int64_t rows = 0;     // that became samples
    std::int64_t problems = 0; // that did not
    std::map<std::string, std::int64_t> unjudged; // of the problems, rows of annotation tools without a judgement: why, how many
    std::int64_t toolFaults = 0;                  // of the rows, those whose functions or calls cannot be read and stay text
    std::optional<ImportProblem> firstToolFault;
    std::vector<std::string> columns; // of the first rows, sorted by name
};

/// "2 rows are left out because they are not annotated yet", one sentence a reason; "" for none. And the same of the functions.
std::string unjudgedInWords(const ImportSummary& summary);
std::string toolFaultsInWords(const ImportSummary& summary);

/// Streams a file. An error returned by `onSample` ends the import and is returned.
/// Errors: as inspectFile, Cancelled, and InvalidData when no row was usable (the message quotes the first problem).
Result<ImportSummary> importFile(const fs::path& file, const ImportOptions& options,
                                 const std::function<Status(Sample&&)>& onSample, const OnProblem& onProblem,
                                 const Progress& progress = {});

/// A whole file in memory, for the command line. `mapping` as parseMapping() reads it ("" = detect).
Result<std::vector<Sample>> loadSamples(const fs::path& file, const std::string& mapping = {},
                                        std::vector<ImportProblem>* problems = nullptr, const Progress& progress = {});

} // namespace attune
