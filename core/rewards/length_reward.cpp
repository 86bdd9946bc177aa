#include "core/rewards/length_reward.h"

#include <algorithm>
#include <cmath>

#include "core/plan/catalog.h"
#include "core/rewards/reward_params.h"

namespace attune {

LengthReward::LengthReward() {
    m_description.id = "length";
    m_description.title = "Length";
    m_description.summary = "The answer is about as long as you want it.";
    ParamSpec target = rewardParam("target", "Length: wanted tokens", std::int64_t{64}, "The length that gets the whole reward; it falls to 0 at twice that.");
    target.unit = "tokens", target.min = 1, target.max = 100000;
    target.ifTooHigh = "Answers are padded out.", target.ifTooLow = "Answers leave things out.";
    m_description.params = {std::move(target)};
}

Result<std::unique_ptr<Reward>> LengthReward::configured(const ParamMap& params) const {
    auto made = std::make_unique<LengthReward>();
    made->m_target = static_cast<double>(paramInt(params, m_description.params, "target"));
    return made;
}

double LengthReward::score(const RewardInput& input) const {
    return std::max(0.0, 1 - std::abs(static_cast<double>(input.tokens) - m_target) / m_target);
}

} // namespace attune
