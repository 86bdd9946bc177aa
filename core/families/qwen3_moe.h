// The Qwen3 mixture-of-experts family: Qwen3's blocks with many small experts in place of each MLP (Yang et al. 2025).
#pragma once

#include "core/families/model_family.h"

namespace attune {

std::unique_ptr<ModelFamily> makeQwen3MoeFamily();

} // namespace attune
