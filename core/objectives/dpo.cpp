#include "core/objectives/dpo.h"

#include "core/objectives/objective_params.h"
#include "core/plan/catalog.h"

namespace attune {

DpoObjective::DpoObjective() {
    m_description.id = "dpo";
    m_description.title = "Prefer better answers (DPO)";
    m_description.summary = "Direct preference optimization: from pairs of a better and a worse answer, held near the start.";
    m_description.cost = "Two answers a row, and the start model once", m_description.quality = "Steady; best after learning from examples";
    m_description.params = {
        choiceParam("loss_type", "Loss", "sigmoid", dpoLossIds(),
                    "Which member of the DPO family: sigmoid is the original; ipo and robust suffer less from doubtful pairs; "
                    "apo_zero suits pairs whose better answers beat what the model writes."),
        betaParam(0.1, 10),
        onlyWhenParam("loss_type=robust|cdpo|exo_pair", advancedParam(numberParam("label_smoothing", "Label smoothing", 0, 0, 0.49,
                                  "The share of pairs that may be the wrong way round; robust, cdpo and exo_pair use it.",
                                  "The model trusts no pair and learns little.", "Wrong pairs are learned as they are."))),
        advancedParam(learnChosenParam("sft_weight", 0, "How much plain learning of the better answers is added; 0 is pure DPO.")),
        onlyWhenParam("loss_type=discopop", advancedParam(numberParam("discopop_tau", "DiscoPOP temperature", 0.05, 0.001, 10,
                                  "How sharply discopop changes between its two parts; other losses do not use it.",
                                  "The two parts are always mixed.", "The loss has a sudden bend."))),
    };
}

ObjectiveNeeds DpoObjective::needs() const {
    ObjectiveNeeds wanted;
    wanted.rowsPerSample = 2;
    wanted.reference = true;
    wanted.dropout = false;
    wanted.trainOnSetting = false;
    return wanted;
}

Result<std::unique_ptr<Objective>> DpoObjective::configured(const ParamMap& params) const {
    const auto& specs = m_description.params;
    ATTUNE_CHECK(checkParams(params, specs, m_description.id));
    auto made = std::make_unique<DpoObjective>();
    made->m_options.type = dpoLossFromId(paramString(params, specs, "loss_type")).value_or(DpoLoss::Sigmoid);
    made->m_options.beta = paramDouble(params, specs, "beta");
    made->m_options.labelSmoothing = paramDouble(params, specs, "label_smoothing");
    made->m_options.discoPopTau = paramDouble(params, specs, "discopop_tau");
    made->m_sftWeight = paramDouble(params, specs, "sft_weight");
    return made;
}

double DpoObjective::sampleLoss(const Sample& sample, const StepWindow& window, std::span<RowGradient> gradients,
                                std::map<std::string, double>& metrics) const {
    const SequenceTerms chosen = sample.terms(0), rejected = sample.terms(1);
    const PairLoss pair = dpoLoss(m_options, chosen, rejected);
    gradients[0].answer = pair.dChosen / window.samples;
    gradients[1].answer = pair.dRejected / window.samples;
    addPairMetrics(metrics, m_options.beta * chosen.logRatio(), m_options.beta * rejected.logRatio(), chosen, rejected, window.samples);
    double loss = pair.loss / window.samples;
    if (m_sftWeight > 0) {
        gradients[0].all = -m_sftWeight / window.firstRowTargets;
        metrics["nll_loss"] -= sample.sums[0].all / window.firstRowTargets;
        loss -= m_sftWeight * sample.sums[0].all / window.firstRowTargets;
    }
    return loss;
}

} // namespace attune
