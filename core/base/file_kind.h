// What a file is by its first bytes, where a text was expected: pictures, archives, office files, tables and weights of other
// programs. A file's name proves nothing. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace attune {

struct FileKind {
    std::string what; // "a PNG picture"
    std::string next; // what to do, one sentence
};

/// `head`: the first bytes, 4 KiB or more of a longer file. Empty for whatever may be a text in UTF-8.
std::optional<FileKind> foreignKind(std::string_view head);

/// Ok for a text; Unsupported "Cannot DOING: it is a PNG picture" with what to do otherwise. `doing`: "import /x/rows.csv".
Status refuseForeign(std::string_view head, const std::string& doing);

} // namespace attune
