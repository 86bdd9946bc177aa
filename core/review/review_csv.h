// The votes as CSV for a spreadsheet (RFC 4180, UTF-8 with CRLF lines). Text that a spreadsheet would run as a formula
// is disarmed.
#pragma once

#include <string>

#include "core/review/review_queue.h"

namespace attune {

/// One field, quoted when needed. Text starting with = + - @ tab or CR gets a leading ' (CWE-1236).
std::string csvText(std::string_view text);
/// Columns: id, prompt, expected, base, tuned, tuned_side, verdict, note, tags, seconds. Only reviewed items, in queue
/// order.
std::string reviewCsv(const ReviewQueue& queue);

} // namespace attune
