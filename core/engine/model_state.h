// What a checkpoint holds of a model: what the method trains, and the heads: the score head of a reward model, the value head of
// reinforcement learning. Engine thread.
#pragma once

#include "core/methods/method.h"

namespace attune {

std::vector<StateTensor> modelState(const Method& method, CausalLm& model);
/// Errors: as Method::load; InvalidData (a head is missing or misshapen, or there and not wanted).
Status loadModelState(const Method& method, CausalLm& model, std::vector<StateTensor> state);

} // namespace attune
