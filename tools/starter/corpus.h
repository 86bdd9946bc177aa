// The corpus of the starter model: a fixed mix of all kinds of document, reproducible from one seed.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/base/files.h"
#include "tools/starter/writers.h"

namespace attune::starter {

struct CorpusOptions {
    std::uint64_t seed = 1;
    std::uint64_t tokens =
        9'000'000; // wanted, by an estimate of bytes per token; the tokenizer is made from the corpus
};

struct CorpusReport {
    std::uint64_t rows = 0, validationRows = 0, bytes = 0;
    std::uint64_t sentences = 0, distinctSentences = 0, repeatedRows = 0; // repeated rows were left out
    std::map<std::string, std::uint64_t> rowsByKind, bytesByKind;
};

/// The document number `index` of a corpus: depends on nothing but seed and index.
Document corpusDocument(std::uint64_t seed, std::uint64_t index, std::string* kind = nullptr);

/// {"text": ...} or {"messages": [...]}, one line without its end.
std::string toJsonLine(const Document& document);

/// Writes train.jsonl and validation.jsonl (every 200th row) into `folder`. Errors: Io, OutOfSpace.
Result<CorpusReport> writeCorpus(const fs::path& folder, const CorpusOptions& options);

} // namespace attune::starter
