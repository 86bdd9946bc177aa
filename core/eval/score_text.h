// Scores in words and figures, the same everywhere: report, gate and terminal.
#pragma once

#include <string>

#include "core/eval/score.h"

namespace attune {

std::string percentText(double value);            // "97.3 %"
std::string signedPercentText(double value);      // "+12.0", percentage points
std::string scoreText(const Score& score);        // "97.3 % (93.3 - 99.0)", or "not measured"
std::string deltaText(const ScoreChange& change); // "+95.3 (+91.3 - +98.7)", or "-"

} // namespace attune
