#include "core/rewards/answer_rewards.h"
#include "core/rewards/json_rewards.h"
#include "core/rewards/length_reward.h"
#include "core/rewards/regex_reward.h"

namespace attune {

const std::vector<std::unique_ptr<Reward>>& builtinRewards() {
    static const std::vector<std::unique_ptr<Reward>> rewards = [] {
        std::vector<std::unique_ptr<Reward>> all;
        all.push_back(std::make_unique<JsonReward>());
        all.push_back(std::make_unique<JsonFieldsReward>());
        all.push_back(std::make_unique<ExactMatchReward>());
        all.push_back(std::make_unique<NumberReward>());
        all.push_back(std::make_unique<SimilarityReward>());
        all.push_back(std::make_unique<RegexReward>());
        all.push_back(std::make_unique<LengthReward>());
        return all;
    }();
    return rewards;
}

} // namespace attune
