// Preference optimization without a reference model: SimPO (Meng et al. 2024) and CPO (Xu et al. 2024).
#pragma once

#include "core/objectives/sequence_objective.h"

namespace attune {

/// L = mean of the preference term (contrast_loss.h) + sft_weight * mean over the better answers' tokens of -log p.
class SimpoObjective final : public SequenceObjective {
public:
    enum class Kind { Simpo, Cpo };
    explicit SimpoObjective(Kind kind);
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
    Kind m_kind;
    PairLoss pairLoss(const SequenceTerms& chosen, const SequenceTerms& rejected) const;

    double m_beta, m_gamma, m_sftWeight, m_labelSmoothing = 0, m_alpha = 0;
    std::string m_lossType = "sigmoid"; // of CPO
};

} // namespace attune
