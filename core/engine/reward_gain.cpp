#include "core/engine/reward_gain.h"

#include <cmath>
#include <cstdio>
#include <vector>

#include "core/engine/checkpoint.h"
#include "core/stats/intervals.h"

namespace attune {

namespace {

// Keys in the carried numbers. A map of numbers has no lists, and a checkpoint of these is small: one line per prompt.
std::string firstRewardKey(std::size_t prompt) { return "first_validation_reward/" + std::to_string(prompt); }

} // namespace

void addRewardGain(std::span<const double> rewards, std::map<std::string, double>& carried, std::map<std::string, double>& metrics) {
    if (!carried.contains(firstRewardKey(0))) {
        for (std::size_t i = 0; i < rewards.size(); ++i)
            carried[firstRewardKey(i)] = rewards[i];
        return;
    }
    std::vector<double> gains;
    for (std::size_t i = 0; i < rewards.size(); ++i)
        if (const auto before = carried.find(firstRewardKey(i)); before != carried.end())
            gains.push_back(rewards[i] - before->second);
    metrics["reward_gain"] = mean(gains);
    const Interval interval = meanInterval(gains);
    if (!std::isfinite(interval.low) || !std::isfinite(interval.high))
        return; // of one prompt there is none
    metrics["reward_gain/low"] = interval.low;
    metrics["reward_gain/high"] = interval.high;
}

std::string rewardInWords(const TrainProgress& progress) {
    const auto& metrics = progress.bestMetrics;
    const auto reward = metrics.find("reward");
    if (reward == metrics.end())
        return {};
    const auto gain = metrics.find("reward_gain"), low = metrics.find("reward_gain/low"), high = metrics.find("reward_gain/high");
    char text[256];
    if (gain == metrics.end()) {
        std::snprintf(text, sizeof text, "nothing was learned: no measurement was above the validation reward at the start, %.3f", reward->second);
        return text;
    }
    std::snprintf(text, sizeof text, "validation reward %.3f before, %.3f after", reward->second - gain->second, reward->second);
    std::string words = text;
    if (low == metrics.end() || high == metrics.end())
        return words;
    std::snprintf(text, sizeof text, " (gain %.3f, 95 %% interval %.3f to %.3f)", gain->second, low->second, high->second);
    words += text;
    return low->second > 0 ? words : words + ": no gain that these prompts can tell from chance";
}

} // namespace attune
