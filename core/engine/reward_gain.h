// Whether learning from rewards has raised the reward of prompts that are not trained on: the same prompts before and after,
// compared one by one, which tells small gains from chance where two means could not. Torch-free arithmetic.
#pragma once

#include <map>
#include <span>
#include <string>

namespace attune {

struct TrainProgress;

/// With the first measurement's rewards, one of each prompt in order, `carried` keeps them; with a later one's, adds to `metrics`
/// reward_gain (mean of the differences) and reward_gain/low and /high, its 95 % interval by Student's t.
void addRewardGain(std::span<const double> rewards, std::map<std::string, double>& carried, std::map<std::string, double>& metrics);

/// What a finished run came to: "validation reward 0.602 before, 0.634 after (gain 0.032, 95 % interval 0.010 to 0.054)", and in
/// words where nothing was learned that the prompts show. "" where no reward was measured.
std::string rewardInWords(const TrainProgress& progress);

} // namespace attune
