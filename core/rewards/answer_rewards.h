// Rewards that compare an answer with the row's own: equal, the same number, similar.
#pragma once

#include "core/rewards/reward.h"

namespace attune {

/// 1: equal to the row's answer after lower case, without punctuation and articles (SQuAD's rule); with strict, equal but for
/// white space at the ends.
class ExactMatchReward final : public Reward {
public:
    ExactMatchReward();
    const Described& description() const override { return m_description; }
    std::string referenceProblem(std::string_view reference) const override;
    Result<std::unique_ptr<Reward>> configured(const ParamMap& params) const override;
    double score(const RewardInput& input) const override;

private:
    Described m_description;
    bool m_strict = false;
};

/// 1: the last number of the answer equals the last number of the row's answer ("1,250.0" is 1250): tasks with a calculated
/// result (Cobbe et al. 2021).
class NumberReward final : public Reward {
public:
    NumberReward();
    const Described& description() const override { return m_description; }
    std::string referenceProblem(std::string_view reference) const override;
    Result<std::unique_ptr<Reward>> configured(const ParamMap& params) const override;
    double score(const RewardInput& input) const override;

private:
    Described m_description;
};

/// F1 of the words that both answers share (SQuAD's token F1).
class SimilarityReward final : public Reward {
public:
    SimilarityReward();
    const Described& description() const override { return m_description; }
    std::string referenceProblem(std::string_view reference) const override;
    Result<std::unique_ptr<Reward>> configured(const ParamMap& params) const override;
    double score(const RewardInput& input) const override;

private:
    Described m_description;
};

} // namespace attune
