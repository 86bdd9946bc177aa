// Group relative policy optimization: several answers to each prompt, and the better ones of each group become likelier. See
// grpo_loss.h.
#pragma once

#include "core/objectives/grpo_loss.h"
#include "core/objectives/policy_objective.h"

namespace attune {

/// loss_type says what the sum over tokens is divided by. "dapo": the tokens of all answers of the update; "grpo": first each
/// answer by its own, then by the answers; "dr_grpo": answers x longest length. Where updates are not divided among computers
/// "bnpo" is "dapo".
class GrpoObjective final : public PolicyObjective {
public:
    GrpoObjective();
    const Described& description() const override { return m_description; }
    std::vector<MetricSpec> metrics() const override;
    Result<std::unique_ptr<Objective>> configured(const ParamMap& params) const override;
    void assignAdvantages(std::span<Rollout> rollouts, std::map<std::string, double>& carried,
                          std::map<std::string, double>& metrics) const override;

protected:
    double answerLoss(const Answer& answer, const StepWindow& window, std::span<double> dLogProbs, std::span<double> dValues,
                      std::map<std::string, double>& metrics) const override;

private:
    enum class Divisor { Tokens, Answers, Longest };
    Described m_description;
    GrpoOptions m_options;
    RewardScale m_scale = RewardScale::Group;
    Divisor m_divisor = Divisor::Tokens;
};

} // namespace attune
