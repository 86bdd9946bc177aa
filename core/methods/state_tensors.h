// Copying a stored state into the tensors of a method: the same set of names and shapes, or an error that names the
// difference.
#pragma once

#include <vector>

#include "core/methods/method.h"

namespace attune {

/// Errors: InvalidData (missing, extra, doubled or misshapen tensor); then nothing was copied.
Status copyState(const std::vector<StateTensor>& stored, const std::vector<StateTensor>& into);

/// The masters of all trained base weights under their canonical names (the parts of a fused weight as views of it).
std::vector<StateTensor> trainedWeights(const CausalLm& model);

} // namespace attune
