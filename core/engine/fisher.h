// The diagonal Fisher matrix of what is trained: how much the log-probability of general data depends on each weight. Engine thread.
#pragma once

#include <string>

#include "core/base/files.h"
#include "core/base/progress.h"
#include "core/engine/token_dataset.h"
#include "core/protections/protection.h"

namespace attune {

/// F_i = (1 / N) sum over rows (d log p(row) / d theta_i)^2, N their target tokens, with the data's own labels (the empirical Fisher
/// matrix): per token, as the loss is. Of adapters theta are the weights they stand beside, see FisherDiagonal. At most `rows` rows, spread over the data. The model's gradients are zero afterwards. `file`: where
/// the matrix is kept; used again when it was written for the same `identity`. Errors: Cancelled, Numerical (not finite), OutOfMemory, Io.
Result<FisherDiagonal> measureFisher(CausalLm& model, const TokenDataset& data, std::int64_t rows, const fs::path& file,
                                     const std::string& identity, const Progress& progress);

} // namespace attune
