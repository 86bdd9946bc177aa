#include "core/objectives/simpo.h"

#include "core/objectives/contrast_loss.h"
#include "core/objectives/objective_metrics.h"
#include "core/objectives/objective_params.h"
#include "core/plan/catalog.h"

namespace attune {

namespace {

ParamSpec contrastBeta(double value) {
    return numberParam("beta", "Beta", value, 0.001, 20, "How strongly a gap between the two answers counts.",
                       "Pairs that are told apart already are not learned from; the learning is abrupt.",
                       "All pairs pull alike and the model moves more than it must.");
}

} // namespace

// SimPO's own settings, not the defaults of libraries that share one class with CPO.
SimpoObjective::SimpoObjective(Kind kind)
    : m_kind(kind), m_beta(kind == Kind::Simpo ? 2.5 : 0.1), m_gamma(kind == Kind::Simpo ? 1.375 : 0),
      m_sftWeight(kind == Kind::Simpo ? 0 : 1) {
    const bool simpo = kind == Kind::Simpo;
    m_description.id = simpo ? "simpo" : "cpo";
    m_description.title = simpo ? "Prefer better answers, by their average (SimPO)" : "Prefer and learn, summed (CPO)";
    m_description.summary = simpo ? "Preference by the average likelihood per token with a margin; no reference model, least memory."
                                  : "Contrastive preference optimization: preference by likelihood plus plain learning; no reference model.";
    m_description.cost = "Two answers a row, no start model";
    m_description.quality = simpo ? "Strong on answers of different length; sensitive to its settings"
                                  : "Keeps the better answers likely; made for translation";
    if (!simpo)
        m_description.params.push_back(advancedParam(choiceParam("loss_type", "Loss", "sigmoid", {"sigmoid", "hinge", "ipo"},
                                                                 "sigmoid is CPO; hinge stops once a pair is told apart; ipo aims at a fixed gap "
                                                                 "of the averages.")));
    m_description.params.push_back(contrastBeta(m_beta));
    if (simpo)
        m_description.params.push_back(numberParam("gamma", "Margin (gamma)", m_gamma, 0, 20,
                                                   "By how much the better answer must win before a pair counts as learned; about "
                                                   "half of beta.",
                                                   "The model exaggerates the differences and its text suffers.",
                                                   "Pairs are given up as soon as the better answer leads."));
    m_description.params.push_back(advancedParam(
        learnChosenParam("sft_weight", m_sftWeight, "How much plain learning of the better answers is added (cpo_alpha).")));
    if (simpo)
        m_description.params.push_back(
            advancedParam(numberParam("alpha", "Shape of the reward (AlphaPO)", 0, -2, 2,
                                      "0 is SimPO, the logarithm; other values bend the reward, so that likely or unlikely answers are moved more.",
                                      "Answers the model finds unlikely are moved most.", "Answers the model finds likely are moved most.")));
    m_description.params.push_back(
        advancedParam(numberParam("label_smoothing", "Label smoothing", 0, 0, 0.49,
                                  "The share of pairs that may be the wrong way round.",
                                  "The model trusts no pair and learns little.", "Wrong pairs are learned as they are.")));
}

std::vector<MetricSpec> SimpoObjective::metrics() const { return joinedMetrics(pairMetricSpecs(), {learnedMetricSpec()}); }

ObjectiveNeeds SimpoObjective::needs() const {
    ObjectiveNeeds wanted;
    wanted.rowsPerSample = 2;
    wanted.dropout = false;
    wanted.trainOnSetting = false;
    return wanted;
}

Result<std::unique_ptr<Objective>> SimpoObjective::configured(const ParamMap& params) const {
    const auto& specs = m_description.params;
    ATTUNE_CHECK(checkParams(params, specs, m_description.id));
    auto made = std::make_unique<SimpoObjective>(m_kind);
    made->m_beta = paramDouble(params, specs, "beta");
    if (m_kind == Kind::Simpo)
        made->m_gamma = paramDouble(params, specs, "gamma");
    made->m_sftWeight = paramDouble(params, specs, "sft_weight");
    made->m_labelSmoothing = paramDouble(params, specs, "label_smoothing");
    if (m_kind == Kind::Simpo)
        made->m_alpha = paramDouble(params, specs, "alpha");
    else
        made->m_lossType = paramString(params, specs, "loss_type");
    return made;
}

PairLoss SimpoObjective::pairLoss(const SequenceTerms& chosen, const SequenceTerms& rejected) const {
    if (m_kind == Kind::Simpo)
        return simpoLoss(m_beta, m_gamma, m_labelSmoothing, chosen, rejected, m_alpha);
    if (m_lossType == "hinge")
        return cpoHingeLoss(m_beta, chosen, rejected);
    return m_lossType == "ipo" ? cpoIpoLoss(m_beta, chosen, rejected) : cpoLoss(m_beta, m_labelSmoothing, chosen, rejected);
}

double SimpoObjective::sampleLoss(const Sample& sample, const StepWindow& window, std::span<RowGradient> gradients,
                                  std::map<std::string, double>& metrics) const {
    const SequenceTerms chosen = sample.terms(0), rejected = sample.terms(1);
    const bool simpo = m_kind == Kind::Simpo;
    const PairLoss pair = pairLoss(chosen, rejected);
    gradients[0].answer = pair.dChosen / window.samples;
    gradients[1].answer = pair.dRejected / window.samples;
    addPairMetrics(metrics, m_beta * (simpo ? chosen.averageLogProb() : chosen.logProb),
                   m_beta * (simpo ? rejected.averageLogProb() : rejected.logProb), chosen, rejected, window.samples);
    const double nll = -sample.sums[0].all / window.firstRowTargets;
    metrics["nll_loss"] += nll;
    gradients[0].all = -m_sftWeight / window.firstRowTargets;
    return pair.loss / window.samples + m_sftWeight * nll;
}

} // namespace attune
