// Direct preference optimization and its relatives: losses over a better and a worse answer against a reference model.
// Pure arithmetic.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/objectives/sequence_terms.h"

namespace attune {

// s = logp - logp_ref of an answer, d = s_w - s_l, |y| tokens of an answer, sigma the logistic function.
enum class DpoLoss {
    Sigmoid,     // -log sigma(beta d)                                                      Rafailov et al. 2023
    Hinge,       // max(0, 1 - beta d)                                                      SLiC, Zhao et al. 2023
    Ipo,         // (s_w / |y_w| - s_l / |y_l| - 1 / (2 beta))^2                            Azar et al. 2023
    Robust,      // [-(1 - e) log sigma(beta d) + e log sigma(-beta d)] / (1 - 2 e)         Chowdhury et al. 2024
    Cdpo,        // -(1 - e) log sigma(beta d) - e log sigma(-beta d)                       Mitchell 2023
    ExoPair,     // KL(sigma(+-beta d) || (1 - e, e)); e = 0 counts as 0.001                Ji et al. 2024
    NcaPair,     // -log sigma(beta s_w) - (log sigma(-beta s_w) + log sigma(-beta s_l))/2  Chen et al. 2024
    BcoPair,     // -log sigma(beta s_w) - log sigma(-beta s_l)                             Jung et al. 2024
    SppoHard,    // (s_w - 1 / (2 beta))^2 + (s_l + 1 / (2 beta))^2                         Wu et al. 2024
    ApoZero,     // 1 - sigma(beta s_w) + sigma(beta s_l)                                   D'Oosterlinck et al. 2024
    ApoDown,     // sigma(beta s_w) + 1 - sigma(beta d)                                     the same
    DiscoPop,    // -log sigma(z) (1 - m) + exp(-z) m, z = beta d, m = sigma(z / tau)       Lu et al. 2024
    SigmoidNorm, // -log sigma(beta (s_w / |y_w| - s_l / |y_l|))                            length-normalised
};

struct DpoOptions {
    DpoLoss type = DpoLoss::Sigmoid;
    double beta = 0.1;
    double labelSmoothing = 0; // e: the share of pairs believed to be the wrong way round; below 0.5
    double discoPopTau = 0.05;
};

PairLoss dpoLoss(const DpoOptions& options, const SequenceTerms& chosen, const SequenceTerms& rejected);

/// "sigmoid", "hinge", "ipo", "robust", "cdpo", "exo_pair", "nca_pair", "bco_pair", "sppo_hard", "apo_zero",
/// "apo_down", "discopop", "sigmoid_norm".
const std::vector<std::string>& dpoLossIds();
std::optional<DpoLoss> dpoLossFromId(std::string_view id);

} // namespace attune
