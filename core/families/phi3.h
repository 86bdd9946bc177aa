// The Phi-3, Phi-3.5 and Phi-4 family: Llama's blocks with fused projections, sliding windows and LongRoPE.
#pragma once

#include "core/families/model_family.h"

namespace attune {

std::unique_ptr<ModelFamily> makePhi3Family();

} // namespace attune
