#include "core/objectives/sequence_objective.h"

#include <algorithm>

#include <ATen/ATen.h>

namespace attune {

SequenceTerms SequenceObjective::Sample::terms(std::size_t row) const {
    return {sums[row].answer, rows[row].reference, std::max(1.0, sums[row].answerTokens)};
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
    for (const RowFacts& row : input.rows)
        output.targets += row.targets;
    return {};
}

Result<ObjectiveOutput> SequenceObjective::trainMicroBatch(const ObjectiveInput& input) const {
    ForwardOptions options = input.options;
    options.training = options.training && needs().dropout;
    if (input.rowsApart)
        return trainRowsApart(input, options);
    options.keepForBackward = true;
    ATTUNE_CHECK(input.pass.forward(input.batch, options));
    ATTUNE_ASSIGN(const at::Tensor logProbs, input.pass.targetLogProbs());
    ObjectiveOutput output;
    std::vector<RowGradient> gradients;
    ATTUNE_CHECK(lossOf(input, sumByRow(logProbs, input.rows), gradients, output));
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
        ATTUNE_ASSIGN(const at::Tensor logProbs, input.pass.targetLogProbs());
        sums.push_back(sumByRow(logProbs, input.rows.subspan(r, 1)).front());
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
