// What a recipe may hold, for people: printed by `train --help`.
#pragma once

#include <string>

#include "core/plan/catalog.h"

namespace attune::cli {

/// An example and every key with its default and meaning, read from the catalog.
std::string recipeHelp(const Catalog& catalog);

} // namespace attune::cli
