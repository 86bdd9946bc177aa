// The list of file types, and which of them a file is.
#include <algorithm>

#include "core/base/file_kind.h"
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

// The first block of a file that may be a text.
Result<std::string> readableHead(const fs::path& file) {
    ATTUNE_ASSIGN(auto blocks, BlockReader::open(file));
    ATTUNE_ASSIGN(const std::string_view head, blocks.next({}));
    if (isBlank(head))
        return fail(ErrorCode::InvalidData, file.string() + " is empty", "Choose a file with at least one row.");
    ATTUNE_CHECK(refuseForeign(head, "import " + file.string()));
    return std::string(head);
}

} // namespace

Status checkReadable(const fs::path& file) {
    ATTUNE_CHECK(readableHead(file));
    return {};
}

Result<const Importer*> sniffImporter(const fs::path& file) {
    ATTUNE_ASSIGN(const std::string head, readableHead(file));
    std::string extension = file.extension().string();
    std::transform(extension.begin(), extension.end(), extension.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
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
