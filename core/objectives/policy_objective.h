// The common flow of objectives that learn from rewards of the model's own answers: forward, per-token losses as arithmetic,
// backward. How answers are written and scored is the engine's business (core/engine/rollout_trainer.h). Engine thread.
#pragma once

#include "core/objectives/objective.h"

namespace attune {

class PolicyObjective : public Objective {
public:
    std::string sampleKind() const override { return "chat"; }
    /// Conversations give prompts and answers to compare with, pairs too (the better answer).
    bool accepts(std::string_view kind) const override { return kind == "chat" || kind == "prompt_only" || kind == "preference"; }
    ObjectiveNeeds needs() const override;
    const PolicyObjective* policy() const final { return this; }

    const RolloutPlan& plan() const { return m_plan; }
    /// From the rewards of a whole step, its rollouts in order of group: advantages (and returns), the same number for all
    /// tokens of an answer or one for each. `carried` keeps numbers from step to step, checkpoints included.
    virtual void assignAdvantages(std::span<Rollout> rollouts, std::map<std::string, double>& carried,
                                  std::map<std::string, double>& metrics) const = 0;

    /// Over input.rollouts, one per row: window.targets and window.samples count those of the whole update.
    Result<ObjectiveOutput> trainMicroBatch(const ObjectiveInput& input) const final;
    /// The same loss without a gradient (tests; a run validates by the reward).
    Result<ObjectiveOutput> evaluateMicroBatch(const ObjectiveInput& input) const final;

protected:
    struct Answer {
        const Rollout& rollout;
        std::span<const double> logProbs, values; // under the model as it is; values empty without a value head
    };
    /// The share of one answer in the update's loss; fills its gradients and adds its shares to the metrics.
    virtual double answerLoss(const Answer& answer, const StepWindow& window, std::span<double> dLogProbs, std::span<double> dValues,
                              std::map<std::string, double>& metrics) const = 0;
    /// The settings that every such objective has, with these defaults; then those of the reward model and of the rewards.
    static std::vector<ParamSpec> commonParams(std::int64_t maxTokens, double temperature);
    /// Reads them into m_plan. Errors: InvalidArgument (no reward, and those of rewards).
    Status readCommon(const ParamMap& params, const std::vector<ParamSpec>& specs, const std::string& id);

    RolloutPlan m_plan;

private:
    Result<ObjectiveOutput> run(const ObjectiveInput& input, bool train) const;
};

} // namespace attune
