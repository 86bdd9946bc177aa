// The arithmetic of proximal policy optimization on one batch of answers (Schulman et al. 2017; Stiennon et al. 2020 for
// language models): rewards with a divergence penalty, generalized advantages, clipped losses. Vectors run over the
// answer's tokens, padding is already left out. Pure arithmetic.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace attune {

enum class KlEstimator { K1, K3 };

/// Estimate of KL(policy || reference) at one token, with r = logp_ref - logp: k1 = -r; k3 = e^r - 1 - r (Schulman 2020).
double klEstimate(KlEstimator estimator, double logProb, double reference);

/// r_t = -coefficient * kl_t, plus `score` at the last token.
std::vector<double> ppoRewards(std::span<const double> logProbs, std::span<const double> reference, double klCoefficient,
                               KlEstimator estimator, double score);

struct Advantages {
    std::vector<double> advantages, returns;
};
/// delta_t = r_t + gamma V_{t+1} - V_t, A_t = delta_t + gamma lambda A_{t+1}, R = A + V; behind the end V = A = 0.
Advantages generalizedAdvantages(std::span<const double> rewards, std::span<const double> values, double gamma, double lambda);

/// (x - mean) / sqrt(variance + 1e-8), variance with n - 1; with keepMean the mean is added back. Fewer than two values stay
/// as they are.
void whiten(std::span<double> values, bool keepMean = false);

struct PpoOptions {
    double clipRange = 0.2, clipRangeValue = 0.2, valueCoefficient = 0.1;
};

/// One token's share, to be divided by the number of tokens: policy = max(-A ratio, -A clip(ratio, 1 +- c)) with
/// ratio = e^(new - old); value = 0.5 max((V - R)^2, (clip(V, V_old +- c) - R)^2). Derivatives with respect to the new
/// log-probability and the new value.
struct PpoTokenLoss {
    double policy = 0, value = 0;
    double dLogProb = 0, dValue = 0; // of policy, and of value (without the coefficient)
    bool policyClipped = false, valueClipped = false;
};
PpoTokenLoss ppoTokenLoss(const PpoOptions& options, double advantage, double oldLogProb, double newLogProb, double oldValue,
                          double newValue, double returned);

} // namespace attune
