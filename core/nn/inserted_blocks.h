// Models made deeper by copies of their own blocks that at first do nothing (block expansion: Wu et al. 2024, "LLaMA Pro"). Engine thread.
#pragma once

#include <string>
#include <string_view>

#include "core/nn/causal_lm.h"

namespace attune {

/// Whether some block is a copy of another.
bool hasInsertedBlocks(const CausalLm& model);

/// The canonical name under which the base model has what `name` was copied from or always was: of a block that moved up the old number.
std::string nameInBase(const CausalLm& model, std::string_view name);

} // namespace attune
