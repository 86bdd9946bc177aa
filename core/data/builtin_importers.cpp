// The list of file types, and which of them a file is.
#include <algorithm>

#include "core/base/space.h"
#include "core/data/importer.h"
#include "core/data/importers/json_rows.h"
#include "core/data/line_reader.h"

namespace attune {

const std::vector<const Importer*>& importers() {
    static const std::vector<const Importer*> all{&jsonlImporter(), &jsonImporter(), &csvImporter()};
    return all;
}

const Importer* findImporter(std::string_view id) {
    for (const Importer* importer : importers())
        if (importer->description().id == id)
            return importer;
    return nullptr;
}

namespace {

// Files that people try and that another program must turn into a table or into text first.
const char* knownForeign(std::string_view head, std::string_view extension) {
    if (head.starts_with("PK\x03\x04"))
        return extension == ".xlsx" || extension == ".ods" ? "a spreadsheet; save it as \"CSV UTF-8\""
                                                           : "a packed archive; unpack it first";
    if (head.starts_with("PAR1") || head.starts_with("ARROW1"))
        return "a Parquet or Arrow table; export it as JSON Lines";
    if (head.starts_with("\x1F\x8B"))
        return "a gzip archive; unpack it first";
    if (head.starts_with("%PDF"))
        return "a PDF document; export its text";
    if (head.starts_with("SQLite format 3"))
        return "a database; export the table as CSV";
    return nullptr;
}

} // namespace

Result<const Importer*> sniffImporter(const fs::path& file) {
    ATTUNE_ASSIGN(auto blocks, BlockReader::open(file));
    ATTUNE_ASSIGN(const std::string_view head, blocks.next({}));
    if (isBlank(head))
        return fail(ErrorCode::InvalidData, file.string() + " is empty", "Choose a file with at least one row.");
    std::string extension = file.extension().string();
    std::transform(extension.begin(), extension.end(), extension.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (const char* foreign = knownForeign(head, extension))
        return fail(ErrorCode::Unsupported, "Cannot import " + file.string(), std::string("It is ") + foreign + ".");
    const Importer* best = nullptr;
    double fit = 0;
    for (const Importer* importer : importers())
        if (const double value = importer->sniff(head, extension); value > fit)
            best = importer, fit = value;
    if (!best)
        return fail(ErrorCode::Unsupported, "Cannot tell what kind of file " + file.string() + " is",
                    "Give a JSON, JSON Lines (.jsonl), CSV or TSV file.");
    return best;
}

} // namespace attune
