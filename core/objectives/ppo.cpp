#include "core/objectives/ppo.h"

#include <algorithm>
#include <cmath>

#include "core/objectives/objective_metrics.h"
#include "core/objectives/objective_params.h"
#include "core/plan/catalog.h"

namespace attune {

namespace {

constexpr const char* kCoefficient = "kl_coefficient"; // carried from step to step by the adaptive controller

ParamSpec whitenParam() {
    ParamSpec spec;
    spec.key = "whiten_rewards", spec.label = "Whiten rewards", spec.defaultValue = false;
    spec.help = "Gives the rewards of a step a spread of 1 before advantages are computed.";
    return spec;
}

} // namespace

PpoObjective::PpoObjective() {
    m_plan.valueHead = m_plan.reference = true;
    m_description.id = "ppo";
    m_description.title = "Practise for a reward (PPO)";
    m_description.summary = "The model answers prompts, a reward model or rules score the answers, and it learns to be scored higher.";
    m_description.cost = "Writes answers and learns from them several times: the slowest";
    m_description.quality = "As good as its judge; needs an eye on the answers";
    auto& p = m_description.params;
    p = {
        numberParam("kl_coef", "KL weight", 0.05, 0, 10, "Holds the model near to where it began; 0 lets it go.",
                    "The model hardly leaves its start.", "The model finds ways to be scored high that nobody wants."),
        countParam("num_ppo_epochs", "Passes per step", "passes", 4, 1, 64, "So often the answers of a step are learned from.",
                   "The answers are no longer those of the model that learns from them.", "More time goes into writing answers."),
        countParam("num_mini_batches", "Updates per pass", "updates", 1, 1, 1024, "Each pass is divided into so many updates.",
                   "Updates become noisy.", "Fewer updates learn from the same answers."),
        // TRL's default is none; then what scores best can be an answer that never ends (tests/bench/RESULTS.md).
        numberParam("missing_eos_penalty", "Penalty for no end", 1, 0, 1000, "Taken from the score of an answer that was cut off at the longest length.",
                    "Answers become short.", "Answers may run on."),
        advancedParam(choiceParam("kl_controller", "KL control", "fixed", {"fixed", "adaptive"},
                                  "fixed keeps the weight; adaptive raises it while the model is farther from its start than the target, and lowers it otherwise.")),
        advancedParam(numberParam("kl_target", "KL target", 6, 0.001, 1000, "For adaptive control: how far an answer may be from the start, in nats, all tokens together.",
                                  "The model drifts far from its start.", "The model hardly leaves its start.")),
        advancedParam(numberParam("kl_horizon", "KL horizon", 10000, 1, 1e9, "For adaptive control: after so many answers the weight has adapted.",
                                  "The weight hardly follows.", "The weight swings.")),
        advancedParam(choiceParam("kl_estimator", "KL estimate", "k1", {"k1", "k3"}, "k1 is right on average; k3 varies less and is never negative.")),
        advancedParam(numberParam("cliprange", "Clip range", 0.2, 0.001, 0.99, "How much one step may change a token's probability before it stops counting.",
                                  "Single steps change the model too much.", "Most tokens stop counting.")),
        advancedParam(numberParam("cliprange_value", "Clip range of values", 0.2, 0.001, 1000, "How far one step may move what the value head expects.",
                                  "The value head jumps.", "The value head learns slowly.")),
        advancedParam(numberParam("vf_coef", "Weight of the value loss", 0.1, 0, 100, "How much learning what to expect counts beside learning to answer.",
                                  "The value head disturbs the model.", "What to expect is learned late, and steps are noisy.")),
        advancedParam(numberParam("gamma", "Discount (gamma)", 1, 0, 1, "How much later tokens' rewards count for earlier ones.",
                                  "Nothing: 1 is usual, as only the whole answer is scored.", "Early tokens learn little from the score.")),
        advancedParam(numberParam("lam", "Lambda", 0.95, 0, 1, "1 trusts measured rewards only, 0 trusts the value head only.",
                                  "Steps are noisy.", "Mistakes of the value head count much.")),
        advancedParam(whitenParam()),
    };
    for (ParamSpec& spec : commonParams(128, 0.7))
        p.push_back(std::move(spec));
}

std::vector<MetricSpec> PpoObjective::metrics() const { return joinedMetrics(practiceMetricSpecs(), ppoMetricSpecs()); }

Result<std::unique_ptr<Objective>> PpoObjective::configured(const ParamMap& params) const {
    const auto& specs = m_description.params;
    const auto number = [&](const char* key) { return paramDouble(params, specs, key); };
    auto made = std::make_unique<PpoObjective>();
    ATTUNE_CHECK(made->readCommon(params, specs, m_description.id));
    made->m_plan.passes = paramInt(params, specs, "num_ppo_epochs");
    made->m_plan.miniBatches = paramInt(params, specs, "num_mini_batches");
    made->m_plan.missingEndPenalty = number("missing_eos_penalty");
    made->m_options = {number("cliprange"), number("cliprange_value"), number("vf_coef")};
    made->m_estimator = paramString(params, specs, "kl_estimator") == "k1" ? KlEstimator::K1 : KlEstimator::K3;
    made->m_klCoefficient = number("kl_coef");
    made->m_adaptive = paramString(params, specs, "kl_controller") == "adaptive";
    made->m_klTarget = number("kl_target"), made->m_klHorizon = number("kl_horizon");
    made->m_gamma = number("gamma"), made->m_lambda = number("lam");
    made->m_whitenRewards = paramBool(params, specs, "whiten_rewards");
    made->m_plan.reference = made->m_klCoefficient != 0;
    return made;
}

void PpoObjective::assignAdvantages(std::span<Rollout> rollouts, std::map<std::string, double>& carried,
                                    std::map<std::string, double>& metrics) const {
    const auto known = carried.find(kCoefficient);
    const double coefficient = m_adaptive && known != carried.end() ? known->second : m_klCoefficient;
    std::vector<std::vector<double>> rewards; // of each rollout's tokens
    std::vector<double> all;
    const auto answers = static_cast<double>(rollouts.size());
    double kl = 0, scores = 0;
    for (const Rollout& rollout : rollouts) {
        const std::vector<double>& reference = rollout.reference.empty() ? rollout.oldLogProbs : rollout.reference;
        rewards.push_back(ppoRewards(rollout.oldLogProbs, reference, coefficient, m_estimator, rollout.reward));
        for (std::size_t t = 0; t < reference.size(); ++t)
            kl += klEstimate(m_estimator, rollout.oldLogProbs[t], reference[t]) / answers;
        scores += rollout.reward / answers;
        all.insert(all.end(), rewards.back().begin(), rewards.back().end());
    }
    if (m_whitenRewards) {
        whiten(all, true);
        auto next = all.begin();
        for (std::vector<double>& of : rewards)
            for (double& reward : of)
                reward = *next++;
    }
    std::vector<double> advantages;
    for (std::size_t i = 0; i < rollouts.size(); ++i) {
        Advantages estimated = generalizedAdvantages(rewards[i], rollouts[i].oldValues, m_gamma, m_lambda);
        rollouts[i].returns = std::move(estimated.returns);
        advantages.insert(advantages.end(), estimated.advantages.begin(), estimated.advantages.end());
    }
    whiten(advantages);
    auto next = advantages.begin();
    for (Rollout& rollout : rollouts) {
        const auto count = static_cast<std::ptrdiff_t>(rollout.oldLogProbs.size());
        rollout.advantages.assign(next, next + count);
        next += count;
    }
    metrics["objective/kl"] = kl;
    metrics["objective/non_score_reward"] = -coefficient * kl;
    metrics["objective/rlhf_reward"] = scores - coefficient * kl;
    metrics[kCoefficient] = coefficient;
    if (m_adaptive && std::isfinite(kl)) // a short horizon must not turn the penalty into a reward
        carried[kCoefficient] = coefficient * std::max(0.1, 1 + std::clamp(kl / m_klTarget - 1, -0.2, 0.2) * answers / m_klHorizon);
}

double PpoObjective::answerLoss(const Answer& answer, const StepWindow& window, std::span<double> dLogProbs, std::span<double> dValues,
                                std::map<std::string, double>& metrics) const {
    const Rollout& rollout = answer.rollout;
    const double share = 1 / std::max(1.0, window.targets);
    PpoTokenLoss sum;
    double entropy = 0, kl = 0, moved = 0, clipped = 0, valueClipped = 0;
    for (std::size_t t = 0; t < answer.logProbs.size(); ++t) {
        const double now = answer.logProbs[t], old = rollout.oldLogProbs[t];
        const PpoTokenLoss token =
            ppoTokenLoss(m_options, rollout.advantages[t], old, now, rollout.oldValues[t], answer.values[t], rollout.returns[t]);
        sum.policy += token.policy, sum.value += token.value;
        dLogProbs[t] = share * token.dLogProb;
        dValues[t] = share * m_options.valueCoefficient * token.dValue;
        entropy -= now;
        kl += rollout.reference.empty() ? 0 : klEstimate(KlEstimator::K3, now, rollout.reference[t]);
        moved += 0.5 * (now - old) * (now - old);
        clipped += token.policyClipped, valueClipped += token.valueClipped;
    }
    metrics["loss/policy"] += share * sum.policy;
    metrics["loss/value"] += share * sum.value;
    metrics["entropy"] += share * entropy;
    metrics["policy/approxkl"] += share * moved;
    metrics["clip_ratio"] += share * clipped;
    metrics["val/clip_ratio"] += share * valueClipped;
    if (!rollout.reference.empty())
        metrics["kl"] += share * kl;
    return share * (sum.policy + m_options.valueCoefficient * sum.value);
}

} // namespace attune
