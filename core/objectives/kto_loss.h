// Kahneman-Tversky optimization (Ethayarajh et al. 2024): single answers marked good or bad against a reference model.
// Pure arithmetic.
#pragma once

#include "core/objectives/sequence_terms.h"

namespace attune {

struct KtoOptions {
    double beta = 0.1;
    double desirableWeight = 1, undesirableWeight = 1;
    bool apoZero = false; // apo_zero_unpaired: sigma's own value instead of the comparison with the batch's divergence
};

struct AnswerLoss {
    double loss = 0, dLogProb = 0;
};

/// With r = logp - logp_ref and the divergence estimate kl (not differentiated):
/// good: w_d (1 - sigma(beta (r - kl))), bad: w_u (1 - sigma(beta (kl - r))).
/// apo_zero_unpaired: good 1 - sigma(beta r), bad sigma(beta r), no kl; the weights apply alike.
AnswerLoss ktoLoss(const KtoOptions& options, bool desirable, const SequenceTerms& answer, double kl);

/// The divergence estimate of a step: mean of logp - logp_ref over answers that belong to other prompts, never below 0.
double ktoDivergence(double sumOfLogRatios, double answers);

/// Whether the weights balance the classes (equation 8 of the paper): n_good w_good / (n_bad w_bad) between 1 and 4/3. The
/// ranges say what either weight may be while the other stays; one class alone cannot be balanced and counts as fine.
struct KtoBalance {
    bool balanced = true;
    double desirableFrom = 0, desirableTo = 0;     // with the other weight as it is
    double undesirableFrom = 0, undesirableTo = 0;
};
KtoBalance ktoBalance(double desirable, double undesirable, const KtoOptions& options);

} // namespace attune
