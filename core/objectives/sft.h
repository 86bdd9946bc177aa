// Supervised fine-tuning: cross entropy of the completion's tokens (which tokens count is decided by the batch's
// targets).
#pragma once

#include "core/objectives/objective.h"

namespace attune {

/// L = (1 / N) sum_i -log p(target_i), N the targets of the whole accumulation window.
class SftObjective final : public Objective {
public:
    SftObjective();
    const Described& description() const override { return m_description; }
    std::string sampleKind() const override { return "chat"; }
    Result<ObjectiveOutput> trainMicroBatch(const ObjectiveInput& input) const override;
    Result<ObjectiveOutput> evaluateMicroBatch(const ObjectiveInput& input) const override;

private:
    Described m_description;
};

} // namespace attune
