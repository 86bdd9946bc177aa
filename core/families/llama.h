// The Llama family (RMSNorm, rotary positions, grouped queries, gated MLP); its tensor names are our canonical names.
#pragma once

#include "core/families/model_family.h"

namespace attune {

std::unique_ptr<ModelFamily> makeLlamaFamily();

} // namespace attune
