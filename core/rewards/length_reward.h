// A reward for answers of a certain length.
#pragma once

#include "core/rewards/reward.h"

namespace attune {

/// 1 - |tokens - target| / target, at least 0.
class LengthReward final : public Reward {
public:
    LengthReward();
    const Described& description() const override { return m_description; }
    Result<std::unique_ptr<Reward>> configured(const ParamMap& params) const override;
    double score(const RewardInput& input) const override;

private:
    Described m_description;
    double m_target = 64;
};

} // namespace attune
