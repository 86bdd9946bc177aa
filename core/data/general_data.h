// General data: what a model should still be able to do after it was tuned for something else. Texts and conversations from
// JSON Lines, JSON and CSV files, plain text files, or a folder of such files. Any thread.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/files.h"
#include "core/data/sample_source.h"

namespace attune {

/// As much of the beginning as is read: what is measured and mixed in needs no more.
constexpr std::size_t kMaxGeneralRows = 20'000;

/// The rows of `path`; of a folder its data and text files in the order of their names. A text file (.txt, .md) is cut at
/// blank lines into pieces of about 1,500 bytes. `problems`: rows that could not be read, "file.jsonl, row 17: ...".
/// Errors: NotFound, Io, InvalidData (no usable row, bytes that are not UTF-8), Unsupported (a row is neither a text nor a
/// conversation; the message names the file).
Result<std::shared_ptr<const SampleSource>> loadGeneralData(const fs::path& path, std::vector<std::string>* problems = nullptr);

/// The pieces of a plain text: paragraphs, short ones together, long ones cut between words.
std::vector<std::string> textPieces(std::string_view text);

} // namespace attune
