// Rows of a project as a JSON Lines file that other tools read. Background thread.
#pragma once

#include <span>

#include "core/base/files.h"
#include "core/base/progress.h"
#include "core/base/result.h"
#include "core/store/dataset_store.h"

namespace attune {

class Project;

/// Writes these rows in their order, all or nothing. Returns how many. Errors: those of the store and of writeJsonl().
Result<std::int64_t> exportRows(Project& project, std::span<const RowId> rows, const fs::path& file,
                                const Progress& progress);

} // namespace attune
