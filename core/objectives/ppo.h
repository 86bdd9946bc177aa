// Proximal policy optimization: one answer to each prompt, a value head that learns what to expect, and steps that stay near to
// the model that wrote. See ppo_loss.h.
#pragma once

#include "core/objectives/policy_objective.h"
#include "core/objectives/ppo_loss.h"

namespace attune {

/// L = mean over the update's tokens of max(-A ratio, -A clip(ratio)) + vf_coef * value loss. A token's reward is -kl_coef * kl,
/// the last one's also the answer's score; advantages by generalized estimation, then whitened over the step. With the adaptive
/// controller (Ziegler et al. 2019) kl_coef follows the measured KL of an answer: c *= 1 + clip(kl / target - 1, +-0.2) n / horizon.
class PpoObjective final : public PolicyObjective {
public:
    PpoObjective();
    const Described& description() const override { return m_description; }
    std::vector<MetricSpec> metrics() const override;
    Result<std::unique_ptr<Objective>> configured(const ParamMap& params) const override;
    void assignAdvantages(std::span<Rollout> rollouts, std::map<std::string, double>& carried,
                          std::map<std::string, double>& metrics) const override;

protected:
    double answerLoss(const Answer& answer, const StepWindow& window, std::span<double> dLogProbs, std::span<double> dValues,
                      std::map<std::string, double>& metrics) const override;

private:
    Described m_description;
    PpoOptions m_options;
    KlEstimator m_estimator = KlEstimator::K1;
    double m_klCoefficient = 0.05, m_gamma = 1, m_lambda = 0.95;
    bool m_adaptive = false, m_whitenRewards = false;
    double m_klTarget = 6, m_klHorizon = 10000;
};

} // namespace attune
