// Measures an import from JSON Lines into a new project. Any thread.
#pragma once

#include <cstdint>
#include <stop_token>

#include "core/base/json.h"
#include "core/base/result.h"

namespace attune {

/// Writes `rows` generated conversations (about 390 bytes each) into a folder of its own under the temporary folder,
/// imports them and removes everything again. Gives rows, file_bytes, seconds, rows_per_second, peak_bytes (resident,
/// of the whole process).
Result<Json> benchImport(std::int64_t rows, std::stop_token stop);

} // namespace attune
