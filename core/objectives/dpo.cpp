#include "core/objectives/dpo.h"

#include <algorithm>
#include <cstdlib>

#include "core/objectives/objective_metrics.h"
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
        onlyWhenParam("loss_type=robust|cdpo|exo_pair|aot|aot_unpaired", advancedParam(numberParam("label_smoothing", "Label smoothing", 0, 0, 0.49,
                                  "The share of pairs that may be the wrong way round; robust, cdpo, exo_pair, aot and aot_unpaired use it.",
                                  "The model trusts no pair and learns little.", "Wrong pairs are learned as they are."))),
        advancedParam(learnChosenParam("sft_weight", 0, "How much plain learning of the better answers is added; 0 is pure DPO.")),
        onlyWhenParam("loss_type=discopop", advancedParam(numberParam("discopop_tau", "DiscoPOP temperature", 0.05, 0.001, 10,
                                  "How sharply discopop changes between its two parts; other losses do not use it.",
                                  "The two parts are always mixed.", "The loss has a sudden bend."))),
        advancedParam(numberParam("loss_weight", "Weight of this loss", 1, 0, 100, "How much the loss above counts beside more losses.",
                                  "The others hardly count.", "It hardly counts itself.")),
        advancedParam(listParam("more_losses", "More losses",
                                "Further members of the family with their weights, for example bco_pair=0.2; with sft_weight 1 and a loss weight "
                                "of 0.8 that is mixed preference optimization (MPO).")),
        advancedParam(choiceParam("f_divergence", "Measure of distance", "reverse_kl", divergenceIds(),
                                  "How the distance from the start model counts: reverse_kl is DPO's own; forward_kl and js_divergence keep more "
                                  "variety; aot and aot_unpaired do not use it.")),
        onlyWhenParam("f_divergence=alpha_divergence", advancedParam(numberParam("f_alpha", "Alpha", 0.5, 0.01, 0.99,
                                  "Between the two: near 1 as reverse_kl, near 0 as forward_kl.", "As reverse_kl.", "As forward_kl."))),
        advancedParam(numberParam("ld_alpha", "Weight of extra length", 1, 0, 1,
                                  "How much the tokens count by which one answer is longer than the other (LD-DPO); less makes answers shorter.",
                                  "At 1 all tokens count alike, and longer answers weigh more.",
                                  "Only the beginnings of answers are compared.")),
        advancedParam(switchParam("use_weighting", "Weigh pairs by likelihood", false,
                                  "Pairs that the model would hardly write itself count less (WPO).",
                                  "Where the answers come from other models, little is learned.", "All pairs count alike.")),
    };
}

std::vector<MetricSpec> DpoObjective::metrics() const { return joinedMetrics(pairMetricSpecs(), {learnedMetricSpec(),
                                             {"pair_weight", "Weight of pairs", "", "How much the step's pairs count, where each has a weight.", false}}); }

ObjectiveNeeds DpoObjective::needs() const {
    ObjectiveNeeds wanted;
    wanted.rowsPerSample = 2;
    wanted.reference = true;
    wanted.dropout = false;
    wanted.trainOnSetting = false;
    wanted.restWeight = m_restWeight;
    for (const Part& part : m_parts)
        wanted.partners |= sortsPairs(part.options.type);
    return wanted;
}

Result<std::unique_ptr<Objective>> DpoObjective::configured(const ParamMap& params) const {
    const auto& specs = m_description.params;
    ATTUNE_CHECK(checkParams(params, specs, m_description.id));
    auto made = std::make_unique<DpoObjective>();
    DpoOptions options;
    options.type = dpoLossFromId(paramString(params, specs, "loss_type")).value_or(DpoLoss::Sigmoid);
    options.beta = paramDouble(params, specs, "beta");
    options.labelSmoothing = paramDouble(params, specs, "label_smoothing");
    options.discoPopTau = paramDouble(params, specs, "discopop_tau");
    const auto& divergences = divergenceIds();
    options.divergence = static_cast<Divergence>(
        std::find(divergences.begin(), divergences.end(), paramString(params, specs, "f_divergence")) - divergences.begin());
    options.alpha = paramDouble(params, specs, "f_alpha");
    made->m_parts = {{options, paramDouble(params, specs, "loss_weight")}};
    for (const std::string& text : paramList(params, specs, "more_losses")) {
        const auto equals = text.find('=');
        const auto type = dpoLossFromId(text.substr(0, equals));
        char* end = nullptr;
        const std::string number = equals == std::string::npos ? "1" : text.substr(equals + 1);
        const double weight = std::strtod(number.c_str(), &end);
        if (!type || number.empty() || *end != '\0' || !(weight >= 0 && weight <= 100))
            return fail(ErrorCode::InvalidArgument, "objective.more_losses: \"" + text.substr(0, 60) + "\" is not a loss and its weight",
                        "Write for example bco_pair=0.2; the losses are those of loss_type, weights are 0 to 100.");
        options.type = *type;
        made->m_parts.push_back({options, weight});
    }
    bool unpaired = false, paired = false;
    for (const Part& part : made->m_parts)
        unpaired |= part.options.type == DpoLoss::AotUnpaired, paired |= part.options.type == DpoLoss::Aot;
    if (unpaired && paired)
        return fail(ErrorCode::InvalidArgument, "objective.more_losses: aot and aot_unpaired sort the answers in different ways",
                    "Use one of them.");
    made->m_sftWeight = paramDouble(params, specs, "sft_weight");
    made->m_restWeight = paramDouble(params, specs, "ld_alpha");
    made->m_weighsPairs = paramBool(params, specs, "use_weighting");
    return made;
}

std::vector<double> DpoObjective::partners(std::span<const RowFacts> rows, std::span<const double> logProbs) const {
    std::vector<std::pair<SequenceTerms, SequenceTerms>> pairs;
    for (std::size_t r = 0; r + 1 < rows.size(); r += 2)
        pairs.push_back({{logProbs[r], rows[r].reference}, {logProbs[r + 1], rows[r + 1].reference}});
    DpoLoss type = DpoLoss::Aot;
    for (const Part& part : m_parts)
        if (sortsPairs(part.options.type))
            type = part.options.type;
    std::vector<double> all;
    for (const auto& [chosen, rejected] : sortedPartners(type, pairs))
        all.push_back(chosen), all.push_back(rejected);
    return all;
}

double DpoObjective::sampleLoss(const Sample& sample, const StepWindow& window, std::span<RowGradient> gradients,
                                std::map<std::string, double>& metrics) const {
    const SequenceTerms chosen = sample.terms(0), rejected = sample.terms(1);
    const double beta = m_parts.front().options.beta;
    addPairMetrics(metrics, beta * chosen.logRatio(), beta * rejected.logRatio(), chosen, rejected, window.samples);
    double weight = 1 / window.samples;
    if (m_weighsPairs) {
        const double ofPair = pairWeight(sample.sums[0].surprise, sample.sums[1].surprise);
        metrics["pair_weight"] += ofPair / window.samples;
        weight *= ofPair;
    }
    double loss = 0;
    for (const Part& part : m_parts) {
        const PairLoss pair = dpoLoss(part.options, chosen, rejected);
        gradients[0].answer += weight * part.weight * pair.dChosen;
        gradients[1].answer += weight * part.weight * pair.dRejected;
        loss += weight * part.weight * pair.loss;
    }
    if (m_sftWeight > 0) {
        gradients[0].all = -m_sftWeight / window.firstRowTargets;
        metrics["nll_loss"] -= sample.sums[0].all / window.firstRowTargets;
        loss -= m_sftWeight * sample.sums[0].all / window.firstRowTargets;
    }
    return loss;
}

} // namespace attune
