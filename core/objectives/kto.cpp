#include "core/objectives/kto.h"

#include <algorithm>
#include <cstdio>

#include "core/objectives/objective_metrics.h"
#include "core/objectives/objective_params.h"
#include "core/plan/catalog.h"

namespace attune {

KtoObjective::KtoObjective() {
    m_description.id = "kto";
    m_description.title = "Learn from thumbs (KTO)";
    m_description.summary = "From single answers marked good or bad; for feedback where pairs are missing.";
    m_description.cost = "One answer and one mismatched answer a row, and the start model once", m_description.quality = "Uses feedback that has no pairs; needs more of it";
    const auto weight = [](const char* key, const char* label, const char* which) {
        return numberParam(key, label, 1, 0, 100, std::string("How much ") + which + " count; raise it for the rarer kind.",
                           std::string("The model listens to ") + which + " only.", std::string("The model ignores ") + which + ".");
    };
    m_description.params = {
        choiceParam("loss_type", "Loss", "kto", {"kto", "apo_zero_unpaired"},
                    "kto compares each answer with how far the model has moved altogether; apo_zero_unpaired does without that."),
        betaParam(0.1, 10),
        weight("desirable_weight", "Weight of good answers", "good answers"),
        weight("undesirable_weight", "Weight of bad answers", "bad answers"),
    };
}

std::vector<MetricSpec> KtoObjective::metrics() const { return markedMetricSpecs(); }

ObjectiveNeeds KtoObjective::needs() const {
    ObjectiveNeeds wanted;
    wanted.reference = true;
    wanted.mismatched = !m_options.apoZero;
    wanted.dropout = false;
    wanted.trainOnSetting = false;
    return wanted;
}

Result<std::unique_ptr<Objective>> KtoObjective::configured(const ParamMap& params) const {
    const auto& specs = m_description.params;
    ATTUNE_CHECK(checkParams(params, specs, m_description.id));
    auto made = std::make_unique<KtoObjective>();
    made->m_options.beta = paramDouble(params, specs, "beta");
    made->m_options.desirableWeight = paramDouble(params, specs, "desirable_weight");
    made->m_options.undesirableWeight = paramDouble(params, specs, "undesirable_weight");
    made->m_options.apoZero = paramString(params, specs, "loss_type") == "apo_zero_unpaired";
    return made;
}

std::string KtoObjective::balanceAdvice(double desirable, double undesirable) const {
    const KtoBalance balance = ktoBalance(desirable, undesirable, m_options);
    if (balance.balanced)
        return {};
    char text[256];
    std::snprintf(text, sizeof text,
                  "Set objective.desirable_weight between %.2f and %.2f, or objective.undesirable_weight between %.2f and %.2f.",
                  balance.desirableFrom, balance.desirableTo, balance.undesirableFrom, balance.undesirableTo);
    return text;
}

double KtoObjective::sampleLoss(const Sample& sample, const StepWindow& window, std::span<RowGradient> gradients,
                                std::map<std::string, double>& metrics) const {
    const SequenceTerms answer = sample.terms(0);
    const bool desirable = sample.rows[0].desirable;
    const AnswerLoss loss = ktoLoss(m_options, desirable, answer, window.divergence);
    gradients[0].answer = loss.dLogProb / window.samples;
    // Means over the answers of the same kind; a step may have none of one.
    const double share = 1 / std::max(1.0, desirable ? window.desirable : window.undesirable);
    const double reward = m_options.beta * answer.logRatio() * share;
    metrics[desirable ? "rewards/chosen" : "rewards/rejected"] += reward;
    if (window.desirable > 0 && window.undesirable > 0)
        metrics["rewards/margins"] += desirable ? reward : -reward;
    metrics[desirable ? "logps/chosen" : "logps/rejected"] += answer.logProb * share;
    metrics["kl"] += window.divergence / window.samples;
    return loss.loss / window.samples;
}

} // namespace attune
