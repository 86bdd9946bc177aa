// The Gemma family (2024): Llama's blocks with GeGLU, scaled embeddings, wide heads and norms that multiply by 1 + weight.
#pragma once

#include "core/families/model_family.h"

namespace attune {

std::unique_ptr<ModelFamily> makeGemmaFamily();

} // namespace attune
