// The engine's registries as one torch-free value.
#pragma once

#include "core/plan/catalog.h"

namespace attune {

const Catalog& engineCatalog();

} // namespace attune
