// A judgement over two or more answers of one row (left or right, A or B, the name of a column, ranks) to the better and the
// worse column. Pure functions.
#pragma once

#include <string>
#include <utility>

#include "core/base/json.h"
#include "core/data/conversation.h"

namespace attune {

/// Whether a cell spells a choice between two answers: "left", "B", "model_a", "second", 1, 2, "tie", ...
bool isChoice(const Json& cell);

/// Names of the better and the worse column. `field` names the judgement's column in problems; a tie is a problem.
RowResult<std::pair<std::string, std::string>> betterAndWorse(const Json& choice, const std::string& left,
                                                              const std::string& right, const std::string& field);

/// Whether a cell is a ranking: a list of {"rank", "value": a column's name}.
bool isRanking(const Json& cell);

/// The columns with the best (lowest) and the worst rank; equal ranks are a problem.
RowResult<std::pair<std::string, std::string>> bestAndWorst(const Json& ranking, const std::string& field);

} // namespace attune
