// The reward model's loss (Bradley and Terry 1952; Stiennon et al. 2020; margin: Touvron et al. 2023; centring: Eisenstein
// et al. 2023). Pure arithmetic.
#pragma once

#include "core/objectives/sequence_terms.h"

namespace attune {

/// -log sigma(r_w - r_l - margin) + centring (r_w + r_l)^2, derivatives with respect to the two rewards.
inline PairLoss rewardLoss(double chosen, double rejected, double margin, double centring) {
    const double z = chosen - rejected - margin, sum = chosen + rejected, pull = 2 * centring * sum;
    return {-logSigmoid(z) + centring * sum * sum, -sigmoid(-z) + pull, sigmoid(-z) + pull};
}

} // namespace attune
