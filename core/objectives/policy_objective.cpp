#include "core/objectives/policy_objective.h"

#include <ATen/ATen.h>

#include "core/objectives/objective_params.h"
#include "core/plan/catalog.h"

namespace attune {

namespace {

std::vector<double> hostNumbers(const at::Tensor& tensor) {
    const at::Tensor host = tensor.to(at::kCPU, at::kDouble).contiguous();
    return {host.data_ptr<double>(), host.data_ptr<double>() + host.numel()};
}

at::Tensor tensorOf(const std::vector<double>& numbers) {
    at::Tensor tensor = at::empty({static_cast<std::int64_t>(numbers.size())}, at::kDouble);
    std::copy(numbers.begin(), numbers.end(), tensor.data_ptr<double>());
    return tensor;
}

} // namespace

ObjectiveNeeds PolicyObjective::needs() const {
    ObjectiveNeeds wanted;
    wanted.dropout = false;
    wanted.trainOnSetting = false;
    return wanted;
}

std::vector<ParamSpec> PolicyObjective::commonParams(std::int64_t maxTokens, double temperature) {
    std::vector<ParamSpec> specs{
        countParam("max_completion_length", "Longest answer", "tokens", maxTokens, 1, 65536,
                   "Answers are cut off at this length while training.", "Writing takes most of the time, and needs memory.",
                   "Good answers are cut off before their end and lose their reward."),
        numberParam("temperature", "Temperature", temperature, 0.01, 10, "How freely the model tries out other words while it practises.",
                    "Answers become nonsense and rewards are rare.", "All answers are alike and there is nothing to learn from."),
        advancedParam(countParam("eval_prompts", "Prompts per validation", "rows", 64, 1, 100000,
                                 "So many validation prompts are answered, always choosing the likeliest word, to measure the reward.",
                                 "Each validation takes longer.", "The measured reward jumps about.")),
    };
    ParamSpec judge;
    judge.key = "reward_model", judge.label = "Reward model", judge.defaultValue = std::string();
    judge.help = "The folder of a finished run with the objective reward, on the same base model: it scores the answers.";
    specs.push_back(std::move(judge));
    specs.push_back(numberParam("reward_model_weight", "Reward model: weight", 1, -100, 100, "What the reward model's score is multiplied by.",
                                "The other rewards hardly count.", "The reward model hardly counts."));
    specs.push_back(numberParam("reward_model_min_accuracy", "Reward model: least accuracy", 0.6, 0, 1,
                                "The share of held-out pairs in which the reward model must know the better answer; 0 takes any, even one that was never measured.",
                                "Useful reward models are refused.", "The model learns to please a judge that is hardly better than a coin."));
    for (ParamSpec& spec : RewardMix::params())
        specs.push_back(std::move(spec));
    return specs;
}

Status PolicyObjective::readCommon(const ParamMap& params, const std::vector<ParamSpec>& specs, const std::string& id) {
    ATTUNE_CHECK(checkParams(params, specs, id));
    m_plan.maxTokens = paramInt(params, specs, "max_completion_length");
    m_plan.temperature = paramDouble(params, specs, "temperature");
    m_plan.validationPrompts = paramInt(params, specs, "eval_prompts");
    m_plan.rewardModel = paramString(params, specs, "reward_model");
    m_plan.rewardModelWeight = paramDouble(params, specs, "reward_model_weight");
    m_plan.rewardModelMinAccuracy = paramDouble(params, specs, "reward_model_min_accuracy");
    ATTUNE_ASSIGN(m_plan.rewards, RewardMix::configured(params));
    return {};
}

Result<ObjectiveOutput> PolicyObjective::run(const ObjectiveInput& input, bool train) const {
    if (input.rollouts.size() != input.rows.size())
        return fail(ErrorCode::Internal, "A batch of " + std::to_string(input.rows.size()) + " answers came with " +
                                             std::to_string(input.rollouts.size()) + " rewards.");
    ForwardOptions options = input.options;
    options.training = false; // log-probabilities are compared with those of the writing
    options.keepForBackward = train;
    options.temperature = m_plan.temperature;
    ATTUNE_CHECK(input.pass.forward(input.batch, options));
    ATTUNE_ASSIGN(const at::Tensor computed, input.pass.targetLogProbs());
    const std::vector<double> logProbs = hostNumbers(computed);
    std::vector<double> values;
    if (m_plan.valueHead) {
        ATTUNE_ASSIGN(const at::Tensor expected, input.pass.targetValues());
        values = hostNumbers(expected);
    }
    std::vector<double> dLogProbs(logProbs.size()), dValues(values.size());
    ObjectiveOutput output;
    std::size_t begin = 0;
    for (std::size_t r = 0; r < input.rows.size(); ++r) {
        const auto count = static_cast<std::size_t>(input.rows[r].targets);
        const auto part = [&](auto& numbers) { return numbers.empty() ? std::span(numbers) : std::span(numbers).subspan(begin, count); };
        output.loss += answerLoss({*input.rollouts[r], part(logProbs), part(values)}, input.window, part(dLogProbs), part(dValues),
                                  output.metrics);
        output.targets += input.rows[r].targets;
        begin += count;
    }
    if (!train)
        return output;
    if (m_plan.valueHead)
        ATTUNE_CHECK(input.pass.setLogProbAndValueGradient(tensorOf(dLogProbs), tensorOf(dValues)));
    else
        ATTUNE_CHECK(input.pass.setLogProbGradient(tensorOf(dLogProbs)));
    ATTUNE_CHECK(input.pass.backward());
    return output;
}

Result<ObjectiveOutput> PolicyObjective::trainMicroBatch(const ObjectiveInput& input) const {
    return run(input, true);
}

Result<ObjectiveOutput> PolicyObjective::evaluateMicroBatch(const ObjectiveInput& input) const {
    return run(input, false);
}

} // namespace attune
