// The Mistral family: Llama's blocks with a sliding window (Jiang et al. 2023).
#pragma once

#include "core/families/model_family.h"

namespace attune {

std::unique_ptr<ModelFamily> makeMistralFamily();

} // namespace attune
