// Rows from outside the task that every step mixes in, drawn by their tokens. A function of (seed, step) alone, so that a continued run
// repeats it. Plain data, torch-free.
#pragma once

#include <cstdint>
#include <vector>

#include "core/engine/token_dataset.h"

namespace attune {

/// Rows of which every token is trained (texts) in pieces of at most `longest` tokens: a whole document would be many steps' share.
/// Conversations stay whole.
TokenDataset inPieces(TokenDataset data, std::int64_t longest);

/// The rows to mix into step `step` beside `taskTokens` tokens of the task, so that they are `share` of all tokens of the step on
/// average: whole rows are drawn while they fit, and the first that does not fit is taken with the probability that makes the expected
/// number of tokens exact. No row twice in a step while there are others. `rows` is not empty.
std::vector<std::uint32_t> mixedRowsOfStep(const TokenDataset& rows, double share, std::uint64_t seed, std::int64_t step,
                                           std::int64_t taskTokens);

} // namespace attune
