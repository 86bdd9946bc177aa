// Removal of imports that never finished, in small steps so that other writes are not held up. Safe from any thread.
#pragma once

#include <cstdint>

#include "core/base/result.h"

namespace attune {

class Database;

/// Queues the removal of one import's rows and returns at once.
void discardImport(Database& database, std::int64_t datasetId);
/// Queues the removal of every import that a dead process left.
Status removeUnfinishedImports(Database& database);

} // namespace attune
