#include "core/objectives/orpo.h"

#include "core/objectives/contrast_loss.h"
#include "core/objectives/objective_metrics.h"
#include "core/objectives/objective_params.h"
#include "core/plan/catalog.h"

namespace attune {

OrpoObjective::OrpoObjective() {
    m_description.id = "orpo";
    m_description.title = "Learn and prefer in one (ORPO)";
    m_description.summary = "Learns the better answers and away from the worse ones at once; no reference model, one run.";
    m_description.cost = "Two answers a row, no start model", m_description.quality = "One run instead of two; needs many pairs";
    m_description.params = {numberParam("beta", "Weight of the preference (beta)", 0.1, 0.001, 10,
                                        "How much the comparison of the two answers counts beside plain learning.",
                                        "The text itself may suffer: plain learning counts too little.",
                                        "The worse answers hardly matter, as in plain learning.")};
}

std::vector<MetricSpec> OrpoObjective::metrics() const { return joinedMetrics(joinedMetrics(pairMetricSpecs(), oddsMetricSpecs()), {learnedMetricSpec()}); }

ObjectiveNeeds OrpoObjective::needs() const {
    ObjectiveNeeds wanted;
    wanted.rowsPerSample = 2;
    wanted.wholeFirstRow = true;
    wanted.dropout = false;
    wanted.trainOnSetting = false;
    return wanted;
}

Result<std::unique_ptr<Objective>> OrpoObjective::configured(const ParamMap& params) const {
    ATTUNE_CHECK(checkParams(params, m_description.params, m_description.id));
    auto made = std::make_unique<OrpoObjective>();
    made->m_beta = paramDouble(params, m_description.params, "beta");
    return made;
}

double OrpoObjective::sampleLoss(const Sample& sample, const StepWindow& window, std::span<RowGradient> gradients,
                                 std::map<std::string, double>& metrics) const {
    const SequenceTerms chosen = sample.terms(0), rejected = sample.terms(1);
    const PairLoss pair = orpoLoss(m_beta, chosen, rejected);
    gradients[0].answer = pair.dChosen / window.samples;
    gradients[1].answer = pair.dRejected / window.samples;
    gradients[0].all = -1 / window.firstRowTargets;
    const double nll = -sample.sums[0].all / window.firstRowTargets;
    addPairMetrics(metrics, m_beta * chosen.averageLogProb(), m_beta * rejected.averageLogProb(), chosen, rejected, window.samples);
    const double odds = orpoLogOdds(chosen, rejected);
    metrics["nll_loss"] += nll;
    metrics["log_odds_chosen"] += odds / window.samples;
    metrics["log_odds_ratio"] += logSigmoid(odds) / window.samples;
    return nll + pair.loss / window.samples;
}

} // namespace attune
