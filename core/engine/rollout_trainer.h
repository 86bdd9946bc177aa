// One step of learning from rewards: the model answers a step's prompts, the answers are scored, and the objective learns from
// them in one or several updates. Engine thread.
//
// What is written at a step is a function of (recipe, data, weights, step), as everything else of a run: see train_loop.h.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/engine/model_loader.h"
#include "core/engine/prompt_rows.h"
#include "core/engine/reward_judge.h"
#include "core/objectives/policy_objective.h"
#include "core/optim/optimizer.h"
#include "core/protections/protection.h"
#include "core/run/generate_request.h"
#include "core/run/train_request.h"

namespace attune {

/// All of it outlives the trainer.
struct RolloutParts {
    const LoadedModel& loaded; // the model in training
    const PolicyObjective& objective;
    Optimizer& optimizer;
    const PromptRows& train;
    const PromptRows* validation = nullptr;
    CausalLm* reference = nullptr; // null: the model in training with its adapter off
    RewardJudge* judge = nullptr;  // null: rules alone score
    Constraint* constraint = nullptr; // of a protection; null: none
};

struct RolloutSettings {
    std::uint64_t seed = 42;
    std::int64_t microBatchTokens = 512;
    ActivationPolicy activations = ActivationPolicy::Keep;
    double maxGradientNorm = 1.0;
    double routerLoss = 0; // weight of the load balancing loss of experts; 0 = none
};

class RolloutTrainer {
public:
    RolloutTrainer(RolloutParts parts, RolloutSettings settings);

    struct Outcome {
        double loss = 0, gradientNorm = 0;    // means over the updates
        std::int64_t tokens = 0, targets = 0; // of prompts and answers, each counted once; of the answers
        std::int64_t updates = 0;
        std::string notFinite; // what stopped the updates ("the loss"), empty when nothing did
        std::map<std::string, double> metrics = {};
    };
    /// What a protection adds to the gradients before an update over so many tokens, and to the metrics; returns its loss.
    using Protect = std::function<Result<double>(std::int64_t tokens, std::map<std::string, double>& metrics)>;
    /// Nothing after a stop request: then nothing was changed. `carried`: see PolicyObjective::assignAdvantages.
    Result<std::optional<Outcome>> step(std::int64_t step, std::span<const std::uint32_t> prompts, double learningRate,
                                        std::map<std::string, double>& carried, const Protect& protect, const std::stop_token& stop);
    /// The mean reward of the validation prompts' likeliest answers; loss is its negative, so that less is better. `carried` keeps
    /// the reward of each prompt at the first measurement: later ones say the gain since then (core/engine/reward_gain.h).
    Result<std::optional<Outcome>> evaluate(std::map<std::string, double>& carried, const std::stop_token& stop);

    /// Frees the passes' buffers (between training and writing the result).
    void releaseBuffers();

private:
    struct Written; // the answers of a step
    Result<std::optional<Written>> write(const PromptRows& rows, std::span<const std::uint32_t> prompts, std::int64_t answersEach,
                                         double temperature, std::uint64_t seed, const std::stop_token& stop);
    PackedTokens pack(const Written& written, std::span<const std::uint32_t> members, std::vector<RowFacts>& facts) const;
    /// What a model says of all answers, forward only: into Rollout::*numbers, of the value head into *values where asked.
    Status ask(TrainingPass& pass, Written& written, std::vector<double> Rollout::*numbers, std::vector<double> Rollout::*values);
    Status askReference(Written& written);
    Status score(const PromptRows& rows, std::span<const std::uint32_t> rowOf, Written& written);
    std::vector<std::string> scoreNames() const;
    /// Before the first step's answers are asked for values: the head expects their mean reward. Returns it.
    double startValueHead(const Written& written);
    Status update(std::int64_t step, Written& written, double learningRate, const Protect& protect, Outcome& outcome);

    RolloutParts m_parts;
    RolloutSettings m_settings;
    const RolloutPlan& m_plan;
    TrainingPass m_pass;
    std::optional<TrainingPass> m_referencePass;
    double m_forwardTokens = 0, m_backwardTokens = 0; // of the step in work
};

} // namespace attune
