#include "core/objectives/reward.h"

#include <ATen/ATen.h>

#include "core/objectives/objective_metrics.h"
#include "core/objectives/objective_params.h"
#include "core/objectives/reward_loss.h"
#include "core/objectives/sequence_pass.h"
#include "core/plan/catalog.h"

namespace attune {

namespace {

Result<std::vector<double>> scoresOf(TrainingPass& pass) {
    ATTUNE_ASSIGN(const at::Tensor scores, pass.rowScores());
    const at::Tensor host = scores.to(at::kCPU, at::kDouble).contiguous();
    return std::vector<double>(host.data_ptr<double>(), host.data_ptr<double>() + host.numel());
}

at::Tensor asTensor(std::span<const double> values) {
    at::Tensor tensor = at::empty({static_cast<std::int64_t>(values.size())}, at::kDouble);
    std::copy(values.begin(), values.end(), tensor.data_ptr<double>());
    return tensor;
}

} // namespace

RewardObjective::RewardObjective() {
    m_description.id = "reward";
    m_description.title = "Learn to judge (reward model)";
    m_description.summary = "From pairs the model learns to score an answer instead of writing one; useful for ranking.";
    m_description.cost = "Two answers a row; writes nothing", m_description.quality = "As far as its accuracy on held-out pairs says";
    m_description.params = {advancedParam(
        numberParam("center_rewards", "Centring of rewards", 0, 0, 10,
                    "Holds the scores of a pair around zero, so that scores of different prompts compare; 0.01 is usual, 0 is off.",
                    "All scores stay near zero and pairs are hardly told apart.", "Scores of different prompts drift apart."))};
}

std::vector<MetricSpec> RewardObjective::metrics() const { return scoreMetricSpecs(); }

ObjectiveNeeds RewardObjective::needs() const {
    ObjectiveNeeds wanted;
    wanted.rowsPerSample = 2;
    wanted.dropout = false;
    wanted.scoreHead = true;
    wanted.wholeSamplesOnly = true;
    wanted.trainOnSetting = false;
    return wanted;
}

Result<std::unique_ptr<Objective>> RewardObjective::configured(const ParamMap& params) const {
    ATTUNE_CHECK(checkParams(params, m_description.params, m_description.id));
    auto made = std::make_unique<RewardObjective>();
    made->m_centring = paramDouble(params, m_description.params, "center_rewards");
    return made;
}

ObjectiveOutput RewardObjective::lossOf(const ObjectiveInput& input, std::span<const double> scores, std::span<double> gradients) const {
    ObjectiveOutput output;
    const double samples = input.window.samples;
    auto& metrics = output.metrics;
    for (std::size_t r = 0; r + 1 < scores.size(); r += 2) {
        const PairLoss pair = rewardLoss(scores[r], scores[r + 1], input.rows[r].margin, m_centring);
        output.loss += pair.loss / samples;
        gradients[r] = pair.dChosen / samples, gradients[r + 1] = pair.dRejected / samples;
        metrics["rewards/chosen"] += scores[r] / samples;
        metrics["rewards/rejected"] += scores[r + 1] / samples;
        metrics["rewards/margins"] += (scores[r] - scores[r + 1]) / samples;
        metrics["rewards/accuracies"] += (scores[r] > scores[r + 1] ? 1 : 0) / samples;
        metrics["rewards/mean"] += (scores[r] + scores[r + 1]) / (2 * samples);
    }
    for (const RowFacts& row : input.rows)
        output.targets += row.targets;
    return output;
}

Result<ObjectiveOutput> RewardObjective::trainMicroBatch(const ObjectiveInput& input) const {
    ForwardOptions options = input.options;
    options.training = false;
    options.keepForBackward = true;
    std::vector<double> gradients(input.rows.size());
    if (!input.rowsApart) {
        ATTUNE_CHECK(input.pass.forward(input.batch, options));
        ATTUNE_ASSIGN(const std::vector<double> scores, scoresOf(input.pass));
        const ObjectiveOutput output = lossOf(input, scores, gradients);
        ATTUNE_CHECK(input.pass.setScoreGradient(asTensor(gradients)));
        ATTUNE_CHECK(input.pass.backward());
        return output;
    }
    std::vector<double> scores;
    for (std::size_t r = 0; r < input.rows.size(); ++r) { // one pair: the last forward is kept, the first one done again
        options.keepForBackward = r + 1 == input.rows.size();
        ATTUNE_CHECK(input.pass.forward(rowAlone(input.batch, r), options));
        ATTUNE_ASSIGN(const std::vector<double> score, scoresOf(input.pass));
        scores.push_back(score.front());
    }
    const ObjectiveOutput output = lossOf(input, scores, gradients);
    options.keepForBackward = true;
    for (std::size_t r = input.rows.size(); r-- > 0;) {
        if (r + 1 < input.rows.size())
            ATTUNE_CHECK(input.pass.forward(rowAlone(input.batch, r), options));
        ATTUNE_CHECK(input.pass.setScoreGradient(asTensor(std::span(gradients).subspan(r, 1))));
        ATTUNE_CHECK(input.pass.backward());
    }
    return output;
}

Result<ObjectiveOutput> RewardObjective::evaluateMicroBatch(const ObjectiveInput& input) const {
    ForwardOptions options = input.options;
    options.training = false;
    options.keepForBackward = false;
    ATTUNE_CHECK(input.pass.forward(input.batch, options));
    ATTUNE_ASSIGN(const std::vector<double> scores, scoresOf(input.pass));
    std::vector<double> gradients(input.rows.size());
    ObjectiveOutput output = lossOf(input, scores, gradients);
    output.metrics["rewards/pairs"] = static_cast<double>(scores.size() / 2); // how far the accuracy can be trusted
    return output;
}

} // namespace attune
