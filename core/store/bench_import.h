// `bench import`: rows a second from a JSONL file into a project's database, both made in a temporary folder. Blocks; any thread.
#pragma once

#include <cstdint>
#include <stop_token>

#include "core/base/json.h"
#include "core/base/result.h"

namespace attune {

/// Result: rows_per_second, bytes_per_second, seconds, rows, bytes, resident_growth_bytes. Errors: those of importing, Cancelled.
Result<Json> benchImport(std::int64_t rows, std::stop_token stop);

} // namespace attune
