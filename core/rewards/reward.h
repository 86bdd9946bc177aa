// A verifiable reward: a rule that scores one answer without another model. One file each, one line in builtin_rewards.cpp.
// Torch-free, safe from any thread once configured. Answers are untrusted text: a score never throws, fails or hangs.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/param_spec.h"
#include "core/base/result.h"

namespace attune {

struct RewardInput {
    std::string_view answer;
    std::string_view reference;  // the row's own answer; empty where it has none
    std::int64_t tokens = 0;     // of the answer, its end included
};

class Reward {
public:
    virtual ~Reward() = default;
    /// id and params become the settings "<id>_weight" and "<id>_<key>" of the objectives that use rewards.
    virtual const Described& description() const = 0;
    /// Why answers to a row with this answer of its own cannot be scored ("it has no answer of its own"); empty when they can.
    virtual std::string referenceProblem(std::string_view /*reference*/) const { return {}; }
    /// The same rule with these settings. Errors: InvalidArgument (a bad value, named by its key).
    virtual Result<std::unique_ptr<Reward>> configured(const ParamMap& params) const = 0;
    /// From 0 (wrong) to 1 (right).
    virtual double score(const RewardInput& input) const = 0;
};

const std::vector<std::unique_ptr<Reward>>& builtinRewards();

} // namespace attune
