// Which directions of a layer's input general data uses. Engine thread.
#pragma once

#include "core/base/progress.h"
#include "core/engine/token_dataset.h"
#include "core/protections/protection.h"

namespace attune {

/// Of every layer with an adapter: the fewest eigenvectors of sum over tokens of x x^T that hold 1 - quietShare of its trace, x the layer's
/// input; at most 3/4 of all directions and 512. Wide inputs (over 1,024 numbers) are measured on 512 of the tokens, spread over the data
/// (an expert on its share of them), so that neither memory nor time grows with their square. At most `rows` rows, spread over the data. Errors: Cancelled, Numerical (not finite),
/// OutOfMemory.
Result<InputBases> measureInputBases(CausalLm& model, const TokenDataset& data, std::int64_t rows, double quietShare, const Progress& progress);

} // namespace attune
