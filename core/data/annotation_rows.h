// What annotation tools export (Label Studio tasks, Argilla records) as plain rows of columns, so that detection, mapping
// and preview know only columns. Pure functions, safe from any thread.
//
// Label Studio: {"data": {...}, "annotations": [{"result": [{"from_name", "type", "value"}]}]} (its JSON export).
// Argilla: {"fields": {...}, "responses": ...} with responses by reviewer (1.x) or by question (2.x), and the flat form of
// its datasets, where a question's column is a list of {"user_id", "value", "status"}.
#pragma once

#include "core/base/json.h"

namespace attune {

/// The row with the fields of an annotation at its top level and one column per question. Of several reviewers the answer
/// most of them gave counts; where none leads the column is "no majority". Drafts and discarded answers do not count.
/// Any other row comes back as it is.
Json flattenAnnotations(Json row);

} // namespace attune
