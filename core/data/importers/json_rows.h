// What the JSON importers share: one row's text to a RawRow, or to a problem. Pure.
#pragma once

#include "core/data/importer.h"

namespace attune {

/// Parses one row and hands it to onRow, or reports why not. Returns false when the reading should end.
bool handJsonRow(std::string_view text, std::int64_t row, std::int64_t line, const ImportLimits& limits,
                 const OnRow& onRow, const OnProblem& onProblem);

/// "is longer than 16 MiB"
std::string tooLongReason(const ImportLimits& limits);
/// The reason for text in another encoding, such as Latin-1. `offset`: the first bad byte of the `part` ("row", "field").
std::string notUtf8Reason(std::size_t offset, const char* part);

/// Whether this text is one complete JSON object.
bool isJsonObject(std::string_view text);

const Importer& jsonlImporter();
const Importer& jsonImporter();
const Importer& csvImporter();

} // namespace attune
