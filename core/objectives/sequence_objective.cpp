#include "core/objectives/sequence_objective.h"

#include <algorithm>

#include <ATen/ATen.h>

namespace attune {

SequenceTerms SequenceObjective::Sample::terms(std::size_t row) const {
    return {sums[row].answer, rows[row].reference, std::max(1.0, sums[row].answerTokens), rows[row].partner};
}

Status SequenceObjective::lossOf(const ObjectiveInput& input, std::span<const RowLogProbs> sums,
                                 std::vector<RowGradient>& gradients, ObjectiveOutput& output) const {
    const auto perSample = static_cast<std::size_t>(needs().rowsPerSample);
    if (input.rows.size() % perSample != 0)
        return fail(ErrorCode::Internal, "A sample was torn apart between micro-batches.");
    gradients.assign(input.rows.size(), {});
    for (std::size_t r = 0; r < input.rows.size(); r += perSample) {
        const Sample sample{input.rows.subspan(r, perSample), sums.subspan(r, perSample)};
        output.loss += sampleLoss(sample, input.window, std::span(gradients).subspan(r, perSample), output.metrics);
    }
    const double targets = std::max(1.0, input.window.targets);
    for (std::size_t r = 0; r < input.rows.size(); ++r) {
        output.targets += input.rows[r].targets;
        output.metrics["entropy"] += sums[r].entropy / targets;
        output.metrics["mean_token_accuracy"] += sums[r].likeliest / targets;
        if (perSample == 2) // over all tokens of that side
            output.metrics[r % 2 == 0 ? "logits/chosen" : "logits/rejected"] +=
                sums[r].meanLogit /
                std::max(1.0, r % 2 == 0 ? input.window.firstRowTargets : input.window.targets - input.window.firstRowTargets);
    }
    return {};
}

Result<ObjectiveOutput> SequenceObjective::trainMicroBatch(const ObjectiveInput& input) const {
    ForwardOptions options = input.options;
    options.training = options.training && needs().dropout;
    if (input.rowsApart)
        return trainRowsApart(input, options);
    options.keepForBackward = true;
    ATTUNE_CHECK(input.pass.forward(input.batch, options));
    TargetFacts facts;
    ATTUNE_ASSIGN(const at::Tensor logProbs, input.pass.targetLogProbs(&facts));
    ObjectiveOutput output;
    std::vector<RowGradient> gradients;
    ATTUNE_CHECK(lossOf(input, sumByRow(logProbs, input.rows, facts), gradients, output));
    ATTUNE_CHECK(backwardRows(input.pass, input.rows, gradients));
    return output;
}

Result<ObjectiveOutput> SequenceObjective::trainRowsApart(const ObjectiveInput& input, const ForwardOptions& options) const {
    const std::size_t last = input.rows.size() - 1;
    std::vector<RowLogProbs> sums;
    for (std::size_t r = 0; r <= last; ++r) {
        ForwardOptions forward = options;
        forward.keepForBackward = r == last;
        ATTUNE_CHECK(input.pass.forward(rowAlone(input.batch, r), forward));
        TargetFacts facts;
        ATTUNE_ASSIGN(const at::Tensor logProbs, input.pass.targetLogProbs(&facts));
        sums.push_back(sumByRow(logProbs, input.rows.subspan(r, 1), facts).front());
    }
    ObjectiveOutput output;
    std::vector<RowGradient> gradients;
    ATTUNE_CHECK(lossOf(input, sums, gradients, output));
    for (std::size_t r = last + 1; r-- > 0;) {
        if (r != last) {
            ForwardOptions forward = options;
            forward.keepForBackward = true;
            ATTUNE_CHECK(input.pass.forward(rowAlone(input.batch, r), forward));
        }
        ATTUNE_CHECK(backwardRows(input.pass, input.rows.subspan(r, 1), std::span(gradients).subspan(r, 1)));
    }
    return output;
}

Result<ObjectiveOutput> SequenceObjective::evaluateMicroBatch(const ObjectiveInput& input) const {
    ForwardOptions options = input.options;
    options.training = false;
    ATTUNE_ASSIGN(const auto sums, rowLogProbs(input.pass, input.batch, input.rows, options));
    ObjectiveOutput output;
    std::vector<RowGradient> gradients;
    ATTUNE_CHECK(lossOf(input, sums, gradients, output));
    return output;
}

void addPairMetrics(std::map<std::string, double>& metrics, double rewardChosen, double rewardRejected, const SequenceTerms& chosen,
                    const SequenceTerms& rejected, double samples) {
    metrics["rewards/chosen"] += rewardChosen / samples;
    metrics["rewards/rejected"] += rewardRejected / samples;
    metrics["rewards/margins"] += (rewardChosen - rewardRejected) / samples;
    metrics["rewards/accuracies"] += (rewardChosen > rewardRejected ? 1 : 0) / samples;
    metrics["logps/chosen"] += chosen.logProb / samples;
    metrics["logps/rejected"] += rejected.logProb / samples;
}

} // namespace attune
