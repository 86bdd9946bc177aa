// Reinforcement learning's samples: answers that the model in training wrote itself, with what their update needs, and what an
// objective asks of the writing. Plain values, torch-free.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/rewards/reward_mix.h"

namespace attune {

/// One answer of its own. Vectors run over the answer's tokens, the end token included; a log-probability is that of
/// logits / temperature.
struct Rollout {
    std::int64_t group = 0; // answers to the same prompt share it
    double reward = 0;      // the weighted sum
    bool ended = true;      // false: cut off at the longest length
    std::vector<double> oldLogProbs; // under the model that wrote it; empty: it is still that model
    std::vector<double> reference;   // under the reference model; empty where the objective asks for none
    std::vector<double> oldValues;   // of the value head, when it was written; empty without one
    std::vector<double> advantages, returns;
};

/// What an objective asks of the writing and of the updates.
struct RolloutPlan {
    std::int64_t answersPerPrompt = 1;
    std::int64_t maxTokens = 128; // of an answer
    double temperature = 1;
    std::int64_t passes = 1, miniBatches = 1; // passes over a step's answers, and updates in each
    bool reference = false;                   // Rollout::reference is wanted
    bool valueHead = false;
    double missingEndPenalty = 0; // taken from the reward of an answer that was cut off
    std::int64_t validationPrompts = 64;
    RewardMix rewards;
    // A reward model: the folder of its run (an adapter on the same base model), empty for none.
    std::string rewardModel;
    double rewardModelWeight = 1, rewardModelMinAccuracy = 0.6;
    bool offPolicy() const { return passes * miniBatches > 1; } // later updates meet a changed model
};

} // namespace attune
