// The Phi-1.5 and Phi-2 family: parallel branches behind one LayerNorm, biases everywhere, heads rotated in part.
#pragma once

#include "core/families/model_family.h"

namespace attune {

std::unique_ptr<ModelFamily> makePhiFamily();

} // namespace attune
