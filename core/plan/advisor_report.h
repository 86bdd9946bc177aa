// The Advisor's result as a page to keep or print. Pure text from values; escapes everything it did not write itself.
#pragma once

#include <string>

#include "core/plan/decision_matrix.h"

namespace attune {

std::string adviceMarkdown(const Advice& advice, const std::vector<FactAnswer>& facts = {},
                           const DecisionRules& rules = decisionRules());
/// A complete HTML document with its style inside; prints on A4, needs nothing from the network.
std::string adviceHtml(const Advice& advice, const std::vector<FactAnswer>& facts = {},
                       const DecisionRules& rules = decisionRules());

} // namespace attune
