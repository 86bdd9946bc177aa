// A SampleQuery run on a connection. For the inside of this folder only.
#pragma once

#include <functional>
#include <string>

#include "core/base/progress.h"
#include "core/store/connection.h"
#include "core/store/dataset_store.h"

namespace attune {

/// Selects `columns` (of `samples s`, and of `contents c` when withContents) in the order of the query and calls `row`
/// for each result until it returns false. Looks at progress.stop while SQLite works. Errors: Cancelled, or what `row`
/// returned.
Status runSelect(Connection& connection, const std::string& columns, const SampleQuery& query, bool withContents,
                 bool ordered, const Progress& progress, const std::function<Result<bool>(SQLite::Statement&)>& row);

} // namespace attune
