// Rewards for answers that have to be one JSON object: its form, and its fields against the row's own answer.
#pragma once

#include "core/rewards/reward.h"

namespace attune {

/// 0: not one JSON object (white space around it aside). Otherwise half for that, half for the share of the required keys it
/// has; with only_keys other keys count as a missing one each. Without required keys 1.
class JsonReward final : public Reward {
public:
    JsonReward();
    const Described& description() const override { return m_description; }
    Result<std::unique_ptr<Reward>> configured(const ParamMap& params) const override;
    double score(const RewardInput& input) const override;

private:
    Described m_description;
    std::vector<std::string> m_keys;
    bool m_onlyKeys = false;
};

/// The share of the fields of the row's answer, itself a JSON object, that the answer has with the same value.
class JsonFieldsReward final : public Reward {
public:
    JsonFieldsReward();
    const Described& description() const override { return m_description; }
    std::string referenceProblem(std::string_view reference) const override;
    Result<std::unique_ptr<Reward>> configured(const ParamMap& params) const override;
    double score(const RewardInput& input) const override;

private:
    Described m_description;
};

} // namespace attune
