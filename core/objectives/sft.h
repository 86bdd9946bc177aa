// Supervised fine-tuning: cross entropy of the completion's tokens (which tokens count is decided by the batch's
// targets), and continued pre-training, the same over whole texts.
#pragma once

#include "core/objectives/objective.h"

namespace attune {

/// L = (1 / N) sum_i -log p(target_i), N the targets of the whole accumulation window; with loss_type dft each term times p_i,
/// not differentiated (Wu et al. 2025). neftune_alpha adds noise to the embeddings while training (Jain et al. 2023). Reports entropy
/// (nats a token) and mean_token_accuracy over the targets.
class SftObjective : public Objective {
public:
    SftObjective();
    const Described& description() const override { return m_description; }
    std::string sampleKind() const override { return "chat"; }
    bool accepts(std::string_view kind) const override { return kind == "chat" || kind == "text"; }
    std::vector<MetricSpec> metrics() const override;
    Result<std::unique_ptr<Objective>> configured(const ParamMap& params) const override;
    Result<ObjectiveOutput> trainMicroBatch(const ObjectiveInput& input) const override;
    Result<ObjectiveOutput> evaluateMicroBatch(const ObjectiveInput& input) const override;

protected:
    Described m_description;
    Status setParams(const ParamMap& params);

private:
    ObjectiveOutput outputOf(const at::Tensor& logProbs, const TargetFacts& facts, double windowTargets) const;
    bool m_dynamic = false; // dft
    double m_noiseAlpha = 0;
};

/// The same over raw text, all of it trained.
class PretrainObjective final : public SftObjective {
public:
    PretrainObjective();
    std::string sampleKind() const override { return "text"; }
    bool accepts(std::string_view kind) const override { return kind == "text"; }
    ObjectiveNeeds needs() const override;
    Result<std::unique_ptr<Objective>> configured(const ParamMap& params) const override;
};

} // namespace attune
