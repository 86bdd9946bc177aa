// Direct preference optimization and its relatives: losses over a better and a worse answer against a reference model.
// Pure arithmetic.
#pragma once

#include <optional>
#include <span>
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
    Aot,         // as Cdpo with d = sorted (logp_w - logp_l) - sorted (ref_w - ref_l)      Melnyk et al. 2024
    AotUnpaired, // as Cdpo with d = sorted s_w - sorted s_l, both over all pairs of a step the same
};

// What s stands for (Wang et al. 2023, "Beyond Reverse KL"): s, -e^-s, log sigma(s), e^((a - 1) s) / (a - 1). Exponents stop at 80.
enum class Divergence { ReverseKl, ForwardKl, JensenShannon, Alpha };

struct DpoOptions {
    DpoLoss type = DpoLoss::Sigmoid;
    double beta = 0.1;
    double labelSmoothing = 0; // e: the share of pairs believed to be the wrong way round; below 0.5
    double discoPopTau = 0.05;
    Divergence divergence = Divergence::ReverseKl; // every loss but Aot and AotUnpaired
    double alpha = 0.5; // of Divergence::Alpha
};

/// s under the options' divergence, and its derivative.
struct Score {
    double value = 0, slope = 1;
};
Score scoreOf(const DpoOptions& options, double logRatio);

/// The losses that sort compare each answer with SequenceTerms::partner, which this gives for (better, worse answer of each pair of a step),
/// one pair of numbers for each. Aot: the reference's gap of the same rank, for both. AotUnpaired: the other side's ratio of the same rank.
std::vector<std::pair<double, double>> sortedPartners(DpoLoss type, std::span<const std::pair<SequenceTerms, SequenceTerms>> pairs);

/// WPO's weight of a pair (Zhou et al. 2024), a constant: min(1, e^(u_w + u_l)), u the mean over an answer's tokens of
/// log p_t - log sum_v p_v^2.
double pairWeight(double chosenSurprise, double rejectedSurprise);

PairLoss dpoLoss(const DpoOptions& options, const SequenceTerms& chosen, const SequenceTerms& rejected);

/// "sigmoid", "hinge", "ipo", "robust", "cdpo", "exo_pair", "nca_pair", "bco_pair", "sppo_hard", "apo_zero",
/// "apo_down", "discopop", "sigmoid_norm", "aot", "aot_unpaired".
const std::vector<std::string>& dpoLossIds();
std::optional<DpoLoss> dpoLossFromId(std::string_view id);
inline bool sortsPairs(DpoLoss type) { return type == DpoLoss::Aot || type == DpoLoss::AotUnpaired; }

/// "reverse_kl", "forward_kl", "js_divergence", "alpha_divergence".
const std::vector<std::string>& divergenceIds();

} // namespace attune
