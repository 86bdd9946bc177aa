// Building the ParamSpecs of rewards.
#pragma once

#include <string>
#include <utility>

#include "core/base/param_spec.h"

namespace attune {

inline ParamSpec rewardParam(std::string key, std::string label, ParamValue value, std::string help) {
    ParamSpec spec;
    spec.key = std::move(key), spec.label = std::move(label), spec.help = std::move(help);
    spec.defaultValue = std::move(value);
    return spec;
}

} // namespace attune
