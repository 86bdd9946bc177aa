// A small mixture of experts for tests: Llama's blocks with a router and experts in place of each MLP.
#pragma once

#include "core/model_files/model_config.h"

namespace attune::test {

inline ModelConfig mixtureOf(ModelConfig config, std::int64_t experts = 4, std::int64_t perToken = 2) {
    config.architecture = "MixtralForCausalLM", config.familyId = "mixtral";
    config.experts = experts, config.expertsPerToken = perToken;
    return config;
}

} // namespace attune::test
