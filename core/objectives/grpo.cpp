#include "core/objectives/grpo.h"

#include <algorithm>

#include "core/objectives/objective_metrics.h"
#include "core/objectives/objective_params.h"
#include "core/plan/catalog.h"

namespace attune {

GrpoObjective::GrpoObjective() {
    m_description.id = "grpo";
    m_description.title = "Practise with checked answers (GRPO)";
    m_description.summary = "The model answers each prompt several times, rules score the answers, and the better ones become likelier.";
    m_description.cost = "Writes several answers to each prompt: slow";
    m_description.quality = "Strong where a rule can tell a right answer";
    auto& p = m_description.params;
    p = {
        countParam("num_generations", "Answers per prompt", "answers", 8, 2, 256, "So many answers to each prompt are compared with each other.",
                   "Each step takes longer.", "All answers to a prompt are often equally good, and nothing is learned from them."),
        numberParam("beta", "KL weight (beta)", 0, 0, 10, "Holds the model near to where it began; 0 saves asking the reference model, 0.04 is usual with it.",
                    "The model hardly leaves its start.", "The model may drift far from its start where the reward allows it."),
        choiceParam("scale_rewards", "Scale of rewards", "group", {"group", "batch", "none"},
                    "What a reward's distance from its group's mean is measured in: the spread within the group, of the whole step, or none."),
        advancedParam(choiceParam("loss_type", "Loss", "dapo", {"dapo", "grpo", "dr_grpo"},
                                  "dapo: every token counts alike; grpo: every answer counts alike, so that tokens of short ones count more; "
                                  "dr_grpo: divided by the longest length.")),
        advancedParam(numberParam("epsilon", "Clip range, down", 0.2, 0, 0.99, "How much less likely one step may make a token before it stops counting.",
                                  "Single steps change the model too much.", "Most tokens stop counting.")),
        advancedParam(numberParam("epsilon_high", "Clip range, up", 0.2, 0, 10, "The same for tokens that become likelier; 0.28 helps the model to keep trying.",
                                  "Single steps change the model too much.", "Most tokens stop counting.")),
        advancedParam(countParam("num_iterations", "Updates per step", "updates", 1, 1, 64, "So often the same answers are learned from.",
                                 "The answers are no longer those of the model that learns from them.", "More time goes into writing answers.")),
    };
    for (ParamSpec& spec : commonParams(256, 1.0))
        p.push_back(std::move(spec));
}

std::vector<MetricSpec> GrpoObjective::metrics() const { return practiceMetricSpecs(); }

Result<std::unique_ptr<Objective>> GrpoObjective::configured(const ParamMap& params) const {
    const auto& specs = m_description.params;
    auto made = std::make_unique<GrpoObjective>();
    ATTUNE_CHECK(made->readCommon(params, specs, m_description.id));
    made->m_plan.answersPerPrompt = paramInt(params, specs, "num_generations");
    made->m_plan.passes = paramInt(params, specs, "num_iterations");
    made->m_options = {paramDouble(params, specs, "epsilon"), paramDouble(params, specs, "epsilon_high"), paramDouble(params, specs, "beta")};
    made->m_plan.reference = made->m_options.beta != 0;
    const std::string scale = paramString(params, specs, "scale_rewards"), loss = paramString(params, specs, "loss_type");
    made->m_scale = scale == "group" ? RewardScale::Group : scale == "batch" ? RewardScale::Batch : RewardScale::None;
    made->m_divisor = loss == "dapo" ? Divisor::Tokens : loss == "grpo" ? Divisor::Answers : Divisor::Longest;
    return made;
}

void GrpoObjective::assignAdvantages(std::span<Rollout> rollouts, std::map<std::string, double>&,
                                     std::map<std::string, double>& metrics) const {
    std::vector<double> rewards;
    std::vector<std::int64_t> groups;
    for (const Rollout& rollout : rollouts)
        rewards.push_back(rollout.reward), groups.push_back(rollout.group);
    const std::vector<double> advantages = groupAdvantages(rewards, groups, m_scale);
    for (std::size_t i = 0; i < rollouts.size(); ++i)
        rollouts[i].advantages = {advantages[i]};
    metrics["frac_reward_zero_std"] = groupsWithoutSignal(rewards, groups);
}

double GrpoObjective::answerLoss(const Answer& answer, const StepWindow& window, std::span<double> dLogProbs, std::span<double>,
                                 std::map<std::string, double>& metrics) const {
    const Rollout& rollout = answer.rollout;
    const auto tokens = static_cast<double>(answer.logProbs.size());
    const double perToken = 1 / std::max(1.0, window.targets);
    const double share = m_divisor == Divisor::Tokens    ? perToken
                         : m_divisor == Divisor::Answers ? 1 / (window.samples * std::max(1.0, tokens))
                                                         : 1 / (window.samples * static_cast<double>(m_plan.maxTokens));
    double loss = 0, entropy = 0, kl = 0, clipped = 0;
    for (std::size_t t = 0; t < answer.logProbs.size(); ++t) {
        const double now = answer.logProbs[t], old = rollout.oldLogProbs.empty() ? now : rollout.oldLogProbs[t];
        const GrpoTokenLoss token =
            grpoTokenLoss(m_options, rollout.advantages[0], old, now, rollout.reference.empty() ? now : rollout.reference[t]);
        loss += share * token.loss;
        dLogProbs[t] = share * token.dLogProb;
        entropy -= now * perToken;
        kl += token.kl * perToken;
        clipped += token.clipped * perToken;
    }
    metrics["entropy"] += entropy;
    metrics["clip_ratio"] += clipped;
    if (!rollout.reference.empty())
        metrics["kl"] += kl;
    return loss;
}

} // namespace attune
