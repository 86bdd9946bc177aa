// The OLMoE family: many small experts in place of each MLP, norms over all queries and all keys (Muennighoff et al. 2024).
#pragma once

#include "core/families/model_family.h"

namespace attune {

std::unique_ptr<ModelFamily> makeOlmoeFamily();

} // namespace attune
