// Direct preference optimization over pairs of answers (Rafailov et al. 2023) with its relatives, see dpo_loss.h.
#pragma once

#include "core/objectives/dpo_loss.h"
#include "core/objectives/sequence_objective.h"

namespace attune {

/// L = mean over pairs of sum_k weight_k * loss_k (loss_type and more_losses), with use_weighting times the pair's weight, + sft_weight *
/// mean over the better answers' tokens of -log p. ld_alpha below 1 lets the tokens count so much by which an answer is the longer one.
class DpoObjective final : public SequenceObjective {
public:
    DpoObjective();
    const Described& description() const override { return m_description; }
    std::string sampleKind() const override { return "preference"; }
    ObjectiveNeeds needs() const override;
    std::vector<MetricSpec> metrics() const override;
    Result<std::unique_ptr<Objective>> configured(const ParamMap& params) const override;
    std::vector<double> partners(std::span<const RowFacts> rows, std::span<const double> logProbs) const override;

protected:
    double sampleLoss(const Sample& sample, const StepWindow& window, std::span<RowGradient> gradients,
                      std::map<std::string, double>& metrics) const override;

private:
    Described m_description;
    struct Part {
        DpoOptions options;
        double weight = 1;
    };
    std::vector<Part> m_parts{1};
    double m_sftWeight = 0, m_restWeight = 1;
    bool m_weighsPairs = false;
};

} // namespace attune
