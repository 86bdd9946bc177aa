// The common flow of objectives that judge whole answers (DPO, ORPO, KTO, SimPO ...): forward, sums by row, the loss as
// arithmetic on those sums, backward. All rows of a sample go through the model together, so one forward serves both; where a
// sample is too long for that, its rows go one after the other, all but the last of them twice. Engine thread.
#pragma once

#include "core/objectives/sequence_pass.h"
#include "core/objectives/sequence_terms.h"

namespace attune {

/// Reports entropy (nats a token) and mean_token_accuracy over all targets, for pairs logits/chosen and logits/rejected.
class SequenceObjective : public Objective {
public:
    Result<ObjectiveOutput> trainMicroBatch(const ObjectiveInput& input) const final;
    Result<ObjectiveOutput> evaluateMicroBatch(const ObjectiveInput& input) const final;

protected:
    struct Sample {
        std::span<const RowFacts> rows;
        std::span<const RowLogProbs> sums;
        SequenceTerms terms(std::size_t row) const;
    };
    /// The share of one sample in the window's loss; fills the rows' gradients and adds its shares to the metrics.
    virtual double sampleLoss(const Sample& sample, const StepWindow& window, std::span<RowGradient> gradients,
                              std::map<std::string, double>& metrics) const = 0;

private:
    Status lossOf(const ObjectiveInput& input, std::span<const RowLogProbs> sums, std::vector<RowGradient>& gradients,
                  ObjectiveOutput& output) const;
    Result<ObjectiveOutput> trainRowsApart(const ObjectiveInput& input, const ForwardOptions& options) const;
};

/// Adds what every pair objective reports: rewards/chosen, rewards/rejected, rewards/accuracies, rewards/margins,
/// logps/chosen, logps/rejected.
void addPairMetrics(std::map<std::string, double>& metrics, double rewardChosen, double rewardRejected, const SequenceTerms& chosen,
                    const SequenceTerms& rejected, double samples);

} // namespace attune
