// One sample as the tokens a model is trained on, and what the Data station counts as its length. Pure functions, any
// thread.
#pragma once

#include "core/base/result.h"
#include "core/data/sample.h"
#include "core/text/prompt_format.h"
#include "ui/widgets/token_view.h"

namespace attune {

/// Whole, without a limit. Preference pairs and labelled answers count with their (better) answer. Errors: those of
/// PromptFormat.
Result<TokenizedRow> tokensOf(const PromptFormat& format, const Sample& sample);
/// The same as boxes.
std::vector<TokenView::Token> tokenBoxes(const PromptFormat& format, const TokenizedRow& row);

} // namespace attune
