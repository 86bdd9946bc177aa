// Odds ratio preference optimization (Hong et al. 2024): plain learning and preference in one, without a reference model.
#pragma once

#include "core/objectives/sequence_objective.h"

namespace attune {

/// L = NLL - beta mean log sigma(log odds ratio), NLL the mean token cross entropy over prompt AND better answer, as the
/// field's reference implementation (TRL) has it.
class OrpoObjective final : public SequenceObjective {
public:
    OrpoObjective();
    const Described& description() const override { return m_description; }
    std::string sampleKind() const override { return "preference"; }
    ObjectiveNeeds needs() const override;
    std::vector<MetricSpec> metrics() const override;
    Result<std::unique_ptr<Objective>> configured(const ParamMap& params) const override;

protected:
    double sampleLoss(const Sample& sample, const StepWindow& window, std::span<RowGradient> gradients,
                      std::map<std::string, double>& metrics) const override;

private:
    Described m_description;
    double m_beta = 0.1;
};

} // namespace attune
