// The GPT-2 family (LayerNorm with bias, learned positions, plain MLP, weights stored [in, out], query, key and value
// in one).
#pragma once

#include "core/families/model_family.h"

namespace attune {

std::unique_ptr<ModelFamily> makeGpt2Family();

} // namespace attune
