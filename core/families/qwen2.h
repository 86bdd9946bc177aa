// The Qwen2 and Qwen2.5 family: Llama's blocks with biases of query, key and value.
#pragma once

#include "core/families/model_family.h"

namespace attune {

std::unique_ptr<ModelFamily> makeQwen2Family();

} // namespace attune
