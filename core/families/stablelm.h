// The StableLM family: Llama's MLP with LayerNorms, heads rotated in part, optionally parallel branches.
#pragma once

#include "core/families/model_family.h"

namespace attune {

std::unique_ptr<ModelFamily> makeStableLmFamily();

} // namespace attune
