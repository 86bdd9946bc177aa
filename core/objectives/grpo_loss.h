// The arithmetic of group relative policy optimization (Shao et al. 2024, "DeepSeekMath"; what is divided by: Yu et al. 2025,
// "DAPO", and Liu et al. 2025, "Dr. GRPO"). Pure arithmetic.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace attune {

enum class RewardScale { Group, Batch, None };

/// A_i = r_i - mean of its group; divided by (standard deviation + 1e-4) of the group or of all rewards, with n - 1, or not at
/// all. groups[i] names the group; a group's answers lie together. A group of one has the advantage 0.
std::vector<double> groupAdvantages(std::span<const double> rewards, std::span<const std::int64_t> groups, RewardScale scale);

/// The share of groups whose rewards are all the same: they teach nothing.
double groupsWithoutSignal(std::span<const double> rewards, std::span<const std::int64_t> groups);

struct GrpoOptions {
    double clipLow = 0.2, clipHigh = 0.2, beta = 0;
};

/// One token's loss, to be divided: max(-A ratio, -A clip(ratio, 1 - low, 1 + high)) + beta k3, ratio = e^(new - old), k3 =
/// e^r - 1 - r with r = reference - new (Schulman 2020). Derivative with respect to the new log-probability.
struct GrpoTokenLoss {
    double loss = 0, dLogProb = 0, kl = 0;
    bool clipped = false;
};
GrpoTokenLoss grpoTokenLoss(const GrpoOptions& options, double advantage, double oldLogProb, double newLogProb, double reference);

} // namespace attune
