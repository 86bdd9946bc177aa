// The OLMo 2 family: norms behind the branches instead of in front, an RMSNorm of all queries and all keys.
#pragma once

#include "core/families/model_family.h"

namespace attune {

std::unique_ptr<ModelFamily> makeOlmo2Family();

} // namespace attune
