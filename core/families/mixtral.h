// The Mixtral family: Mistral's blocks with a mixture of experts in place of each MLP (Jiang et al. 2024).
#pragma once

#include "core/families/model_family.h"

namespace attune {

std::unique_ptr<ModelFamily> makeMixtralFamily();

} // namespace attune
