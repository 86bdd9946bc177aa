// How a row of a file becomes a sample: a named format and, for each column, the part it plays. A value type that the
// user can change; detection looks at the keys and types of the first rows only. Pure functions, safe from any thread.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/data/import_problem.h"
#include "core/data/sample.h"

namespace attune {

struct ColumnRole {
    std::string column, role;
    bool operator==(const ColumnRole&) const = default;
};

struct Mapping {
    std::string format;              // MappingFormat::id
    std::vector<ColumnRole> columns; // several columns may share a role of plain text: they are joined by a blank line
    bool operator==(const Mapping&) const = default;

    /// The first column that plays `role`, "" when none does.
    std::string_view column(std::string_view role) const;
};

struct MappingRole {
    std::string id, label; // "prompt", "What the user says"
    bool required = true;
};

struct MappingFormat {
    std::string id, title, summary; // "alpaca", "Alpaca", one plain sentence
    SampleKind kind = SampleKind::Chat;
    std::vector<MappingRole> roles; // its own; every format also knows "tags", "split" and "id", never required
};

/// Every format, in the order a list shows them.
const std::vector<MappingFormat>& mappingFormats();
const MappingFormat* findMappingFormat(std::string_view id);
/// The roles every format knows besides its own.
const std::vector<MappingRole>& commonRoles();

/// The mapping for rows like these. Errors: InvalidData names the columns that were found and what would be needed.
Result<Mapping> detectMapping(std::span<const Json> rows);
/// The mapping of a given format whose columns have the format's usual names or can be guessed from `rows`.
/// Errors: InvalidArgument (no such format), InvalidData (a required column is missing).
Result<Mapping> mappingFor(std::string_view format, std::span<const Json> rows);
/// Checks that the format exists and each required role has a column.
Status checkMapping(const Mapping& mapping);

/// "Prompt and completion: \"text\" is the prompt, \"category\" is the completion."
std::string describe(const Mapping& mapping);
/// The columns of these rows, sorted by name.
std::vector<std::string> columnsOf(std::span<const Json> rows);

/// Those of `columns` that no part of the mapping reads.
std::vector<std::string> unusedColumns(const std::vector<std::string>& columns, const Mapping& mapping);

Json toJson(const Mapping& mapping);
Result<Mapping> mappingFromJson(const Json& json);
/// "text=prompt,category=completion" (column=role) with the format that fits these roles, or "alpaca" (a format id,
/// columns as usual).
Result<Mapping> parseMapping(std::string_view text, std::span<const Json> rows);

} // namespace attune
