// The weighted sum of rewards that a recipe asks for. Torch-free, safe from any thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/rewards/reward.h"

namespace attune {

class RewardMix {
public:
    /// The settings of all rewards, as an objective lists them: "<id>_weight" (0 = off) and "<id>_<key>".
    static std::vector<ParamSpec> params();
    /// From values that have passed those specs. Errors: as Reward::configured.
    static Result<RewardMix> configured(const ParamMap& params);

    struct Part {
        std::string id;
        double weight = 0;
        std::shared_ptr<const Reward> reward;
    };
    const std::vector<Part>& parts() const { return m_parts; } // those with a weight, in the registry's order
    bool empty() const { return m_parts.empty(); }
    /// Why answers to a row cannot be scored, with the reward that says so; empty when all can.
    std::string referenceProblem(std::string_view reference) const;
    /// The score of each part, without its weight.
    std::vector<double> scores(const RewardInput& input) const;
    double total(const std::vector<double>& scores) const;

private:
    std::vector<Part> m_parts;
};

} // namespace attune
