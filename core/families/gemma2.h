// The Gemma 2 family: Gemma with norms on both sides of each branch, soft caps, and a sliding window in every second layer.
#pragma once

#include "core/families/model_family.h"

namespace attune {

std::unique_ptr<ModelFamily> makeGemma2Family();

} // namespace attune
