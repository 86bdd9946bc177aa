// Log-probabilities of given token rows, or a reward model's scores of them. Engine thread.
#pragma once

#include <cstdint>
#include <stop_token>
#include <vector>

#include "core/base/result.h"
#include "core/nn/causal_lm.h"

namespace attune {

/// Per row: result[i] = ln p(ids[i + 1] | ids[0..i]) as float; one shorter than the row. Rows are packed without
/// padding. Errors: InvalidArgument (empty row, id outside the vocabulary, row longer than the context; the row is
/// named), Cancelled.
Result<std::vector<std::vector<float>>> scoreRows(CausalLm& model, const std::vector<std::vector<std::int64_t>>& rows,
                                                  std::stop_token stop);

/// Of a model with a score head: one number per row, in a list of one. Errors: as above.
Result<std::vector<std::vector<float>>> rewardRows(CausalLm& model, const std::vector<std::vector<std::int64_t>>& rows,
                                                   std::stop_token stop);

} // namespace attune
