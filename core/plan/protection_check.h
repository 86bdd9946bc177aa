// Whether a recipe's protection against forgetting goes together with the rest of it. Touches no file.
#pragma once

#include <vector>

#include "core/plan/catalog.h"
#include "core/plan/run_config.h"

namespace attune {

/// What its protection misses (general data) and what of method and start it cannot be combined with.
std::vector<Complaint> checkProtection(const RunConfig& config, const Catalog& catalog);

} // namespace attune
