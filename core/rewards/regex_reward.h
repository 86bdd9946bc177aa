// A reward for answers that fit a regular expression.
#pragma once

#include <optional>

#include "core/rewards/reward.h"
#include "core/text/regex.h"

namespace attune {

/// 1: the expression is found in the answer (or fits all of it, with whole). An expression that gives up within its limits of
/// work scores 0.
class RegexReward final : public Reward {
public:
    RegexReward();
    const Described& description() const override { return m_description; }
    Result<std::unique_ptr<Reward>> configured(const ParamMap& params) const override;
    double score(const RewardInput& input) const override;

private:
    Described m_description;
    std::optional<Regex> m_regex;
};

} // namespace attune
