// Whole answers through the model: the summed log-probability of each row, and the gradient of a function of those sums.
// Engine thread.
#pragma once

#include <span>
#include <vector>

#include "core/objectives/objective.h"

namespace attune {

/// Of one row of a forward pass.
struct RowLogProbs {
    double answer = 0;       // summed over the answer's tokens
    double answerTokens = 0;
    double all = 0, allTokens = 0; // over all targets of the row
    double entropy = 0, likeliest = 0, meanLogit = 0; // summed over all targets: see TargetFacts
    double surprise = 0; // mean over the answer of log p_t - log sum_v p_v^2, what WPO weighs by
};

/// What the loss asks of one row: d loss / d answer, and d loss / d all.
struct RowGradient {
    double answer = 0, all = 0;
};

/// Sums by row from log-probabilities in the order of targets; `facts` where they were made. An answer's tokens count as RowFacts says.
std::vector<RowLogProbs> sumByRow(const at::Tensor& logProbs, std::span<const RowFacts> rows, const TargetFacts& facts = {});

/// Forward only.
Result<std::vector<RowLogProbs>> rowLogProbs(TrainingPass& pass, const PackedTokens& batch, std::span<const RowFacts> rows,
                                             const ForwardOptions& options);

/// After a forward that kept its activations: backward of the rows' gradients.
Status backwardRows(TrainingPass& pass, std::span<const RowFacts> rows, std::span<const RowGradient> gradients);

/// Row `index` of a batch as a batch of its own.
PackedTokens rowAlone(const PackedTokens& batch, std::size_t index);

} // namespace attune
