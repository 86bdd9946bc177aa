// The Gemma 3 family of text models: Gemma 2 without soft caps, with an RMSNorm of each query and key head, and a rotary base
// of their own for the layers with a sliding window.
#pragma once

#include "core/families/model_family.h"

namespace attune {

std::unique_ptr<ModelFamily> makeGemma3Family();

} // namespace attune
