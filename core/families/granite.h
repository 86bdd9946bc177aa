// IBM's Granite family: Llama's blocks with multipliers of embeddings, scores, branches and logits.
#pragma once

#include "core/families/model_family.h"

namespace attune {

std::unique_ptr<ModelFamily> makeGraniteFamily();

} // namespace attune
