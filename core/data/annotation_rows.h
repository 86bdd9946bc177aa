// What annotation tools export (Label Studio tasks, Argilla records) as plain rows of columns, so that detection, mapping
// and preview know only columns. Pure functions, safe from any thread.
//
// Label Studio: {"data": {...}, "annotations": [{"result": [{"from_name", "type", "value"}]}]} (its JSON export).
// Argilla: {"fields": {...}, "responses": ...} with responses by reviewer (1.x) or by question (2.x), and the flat form of
// its datasets, where a question's column is a list of {"user_id", "value", "status"}.
#pragma once

#include <string_view>

#include "core/base/json.h"

namespace attune {

/// The row with the fields of an annotation at its top level and one column per question. Of several reviewers the answer
/// most of them gave counts; where none leads the column is "no majority". Drafts and discarded answers do not count.
/// Any other row comes back as it is. A row whose annotations do not count says why, see whyUnjudged().
Json flattenAnnotations(Json row);
/// Why a flattened row has no judgement: "skipped by the annotator (was_cancelled)", "not annotated yet", ... "" for any other row.
std::string_view whyUnjudged(const Json& row);
/// The name under which a flattened row keeps it; no column of the file.
inline constexpr std::string_view kUnjudgedColumn = "\x1F" "unjudged";

} // namespace attune
