// Kahneman-Tversky optimization (Ethayarajh et al. 2024): answers marked good or bad, no pairs needed, see kto_loss.h.
#pragma once

#include "core/objectives/kto_loss.h"
#include "core/objectives/sequence_objective.h"

namespace attune {

/// L = mean over answers. Each sample has a second row, its prompt with a batch neighbour's answer, from which the step's
/// divergence is estimated (forward only).
class KtoObjective final : public SequenceObjective {
public:
    KtoObjective();
    const Described& description() const override { return m_description; }
    std::string sampleKind() const override { return "unpaired"; }
    ObjectiveNeeds needs() const override;
    std::vector<MetricSpec> metrics() const override;
    Result<std::unique_ptr<Objective>> configured(const ParamMap& params) const override;
    std::string balanceAdvice(double desirable, double undesirable) const override;

protected:
    double sampleLoss(const Sample& sample, const StepWindow& window, std::span<RowGradient> gradients,
                      std::map<std::string, double>& metrics) const override;

private:
    Described m_description;
    KtoOptions m_options;
};

} // namespace attune
