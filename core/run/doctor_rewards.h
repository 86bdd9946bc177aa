// The doctor's rules for runs that learn from rewards: their loss says little, so the reward, the answers' lengths and variety
// and the distance from the start are looked at. Plain function.
#pragma once

#include <span>
#include <vector>

#include "core/run/doctor.h"

namespace attune {

/// Findings at the last of these steps, whose metrics hold "reward" (core/engine/rollout_metrics.h). Ids: "reward.silent",
/// "reward.flat", "reward.hacking", "kl.running_away", "answers.length", "answers.cut_off".
std::vector<Finding> rewardFindings(std::span<const StepFinished> steps, double learningRate);

} // namespace attune
