// Losses over a better and a worse answer without a reference model: ORPO, CPO, SimPO. Pure arithmetic; the share of plain
// cross entropy that some of them add is the objectives' matter.
#pragma once

#include "core/objectives/sequence_terms.h"

namespace attune {

/// ORPO's odds ratio term (Hong et al. 2024), times beta (lambda in the paper): -beta log sigma(o), with a = logp / |y| and
/// o = (a_w - a_l) - (log(1 - e^a_w) - log(1 - e^a_l)).
PairLoss orpoLoss(double beta, const SequenceTerms& chosen, const SequenceTerms& rejected);
/// o of above.
double orpoLogOdds(const SequenceTerms& chosen, const SequenceTerms& rejected);

/// CPO's preference term (Xu et al. 2024) with label smoothing e: z = beta (logp_w - logp_l),
/// -(1 - e) log sigma(z) - e log sigma(-z).
PairLoss cpoLoss(double beta, double labelSmoothing, const SequenceTerms& chosen, const SequenceTerms& rejected);
/// Its relatives: max(0, 1 - beta (logp_w - logp_l)), and (a_w - a_l - 1 / (2 beta))^2 with a = logp / |y|.
PairLoss cpoHingeLoss(double beta, const SequenceTerms& chosen, const SequenceTerms& rejected);
PairLoss cpoIpoLoss(double beta, const SequenceTerms& chosen, const SequenceTerms& rejected);

/// SimPO (Meng et al. 2024): z = beta (a_w - a_l) - gamma with a = logp / |y|; smoothing as in CPO. AlphaPO (Gupta et al. 2025) with alpha
/// other than 0: (1 - e^(-alpha a)) / alpha in a's place.
PairLoss simpoLoss(double beta, double gamma, double labelSmoothing, const SequenceTerms& chosen, const SequenceTerms& rejected,
                   double alpha = 0);

} // namespace attune
