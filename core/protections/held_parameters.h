// Trained tensors with a copy of where they began. Engine thread.
#pragma once

#include <functional>
#include <vector>

#include "core/base/result.h"
#include "core/nn/causal_lm.h"

namespace attune {

struct HeldParameter {
    Parameter* parameter = nullptr;
    at::Tensor start;  // a copy
    at::Tensor weight; // of each element, of the same shape; undefined = 1
};

/// Copies of everything that is trained and wanted, but for a new score head, which began nowhere. Errors: OutOfMemory.
Result<std::vector<HeldParameter>> holdParameters(CausalLm& model, const std::function<bool(const Parameter&)>& wanted);

/// Adds strength * weight * (theta - start) to the gradient. Returns sum weight * (theta - start)^2. Large tensors go in pieces, so that no
/// temporary of their size is made.
double pullBack(const HeldParameter& held, double strength);

std::vector<at::Tensor> startsOf(const std::vector<HeldParameter>& held);

} // namespace attune
