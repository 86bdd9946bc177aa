// The Qwen3 family: Llama's blocks with an RMSNorm of each query and key head.
#pragma once

#include "core/families/model_family.h"

namespace attune {

std::unique_ptr<ModelFamily> makeQwen3Family();

} // namespace attune
