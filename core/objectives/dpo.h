// Direct preference optimization over pairs of answers (Rafailov et al. 2023) with its relatives, see dpo_loss.h.
#pragma once

#include "core/objectives/dpo_loss.h"
#include "core/objectives/sequence_objective.h"

namespace attune {

/// L = mean over pairs of the chosen loss + sft_weight * mean over the better answers' tokens of -log p.
class DpoObjective final : public SequenceObjective {
public:
    DpoObjective();
    const Described& description() const override { return m_description; }
    std::string sampleKind() const override { return "preference"; }
    ObjectiveNeeds needs() const override;
    Result<std::unique_ptr<Objective>> configured(const ParamMap& params) const override;

protected:
    double sampleLoss(const Sample& sample, const StepWindow& window, std::span<RowGradient> gradients,
                      std::map<std::string, double>& metrics) const override;

private:
    Described m_description;
    DpoOptions m_options;
    double m_sftWeight = 0;
};

} // namespace attune
