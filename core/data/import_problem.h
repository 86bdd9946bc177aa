// One row of a file that could not become a sample, and why. A value type.
#pragma once

#include <cstdint>
#include <string>

namespace attune {

struct ImportProblem {
    std::int64_t row = 0;  // 1-based row (JSON), line (JSONL) or record after the heading (CSV)
    std::int64_t line = 0; // line of the file where the row begins, 1-based; 0 when not known
    std::string field;     // column or path inside the row, "" = the whole row
    std::string reason;    // "not valid JSON (...)", one plain sentence without the row

    bool operator==(const ImportProblem&) const = default;
};

/// "row 17: not valid JSON (...)" or "row 17, field \"output\": ...".
std::string describe(const ImportProblem& problem);

} // namespace attune
