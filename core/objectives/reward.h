// A reward model: one number for an answer, learned from pairs (Stiennon et al. 2020), see reward_loss.h.
#pragma once

#include "core/objectives/objective.h"

namespace attune {

/// L = mean over pairs of -log sigma(r_w - r_l - margin) + centring (r_w + r_l)^2; r is the score head at the row's last token.
class RewardObjective final : public Objective {
public:
    RewardObjective();
    const Described& description() const override { return m_description; }
    std::string sampleKind() const override { return "preference"; }
    ObjectiveNeeds needs() const override;
    std::vector<MetricSpec> metrics() const override;
    Result<std::unique_ptr<Objective>> configured(const ParamMap& params) const override;
    Result<ObjectiveOutput> trainMicroBatch(const ObjectiveInput& input) const override;
    Result<ObjectiveOutput> evaluateMicroBatch(const ObjectiveInput& input) const override;

private:
    /// Loss and metrics of the batch's pairs; fills d loss / d score of each row.
    ObjectiveOutput lossOf(const ObjectiveInput& input, std::span<const double> scores, std::span<double> gradients) const;
    Described m_description;
    double m_centring = 0;
};

} // namespace attune
