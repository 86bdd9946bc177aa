#include "core/plan/acceptance.h"

#include "core/plan/run_config.h"

namespace attune {

AcceptanceLimits acceptanceLimits(const RunConfig& config) {
    const auto& specs = trainingParams().params;
    return {paramDouble(config.training, specs, "forgetting_limit") / 100, paramDouble(config.training, specs, "score_gain") / 100};
}

} // namespace attune
