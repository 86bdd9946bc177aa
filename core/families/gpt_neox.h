// The GPT-NeoX family (Pythia, Dolly): parallel branches, LayerNorms with bias, heads rotated in part, query, key and value
// interleaved by head.
#pragma once

#include "core/families/model_family.h"

namespace attune {

std::unique_ptr<ModelFamily> makeGptNeoxFamily();

} // namespace attune
