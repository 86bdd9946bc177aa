#include "core/engine/step_comparisons.h"

#include "core/objectives/kto_loss.h"
#include "core/objectives/sequence_pass.h"

namespace attune {

namespace {

std::vector<std::uint32_t> picked(std::span<const std::uint32_t> samples, std::span<const std::uint32_t> group) {
    std::vector<std::uint32_t> members;
    for (const std::uint32_t index : group)
        members.push_back(samples[index]);
    return members;
}

bool stopped(const std::stop_token* stop) { return stop && stop->stop_requested(); }

Result<double> divergenceOf(TrainingPass& pass, const SampleRows& data, std::span<const std::uint32_t> samples, std::int64_t microBatchTokens,
                            const std::stop_token* stop) {
    std::vector<std::int64_t> lengths;
    for (const std::uint32_t sample : samples)
        lengths.push_back(data.mismatchedTokens(sample));
    double sum = 0;
    for (const auto& group : planMicroBatches(lengths, microBatchTokens)) {
        if (stopped(stop))
            return 0;
        const PackedRows batch = data.packMismatched(picked(samples, group));
        ATTUNE_ASSIGN(const auto sums, rowLogProbs(pass, batch.tokens, batch.facts, {.keepForBackward = false, .training = false}));
        for (std::size_t i = 0; i < sums.size(); ++i)
            sum += sums[i].answer - batch.facts[i].reference;
    }
    return ktoDivergence(sum, static_cast<double>(samples.size()));
}

Result<std::vector<double>> partnersOf(TrainingPass& pass, const Objective& objective, const SampleRows& data,
                                       std::span<const std::uint32_t> samples, std::int64_t microBatchTokens, const std::stop_token* stop) {
    const auto perSample = static_cast<std::size_t>(objective.needs().rowsPerSample);
    std::vector<std::int64_t> lengths;
    for (const std::uint32_t sample : samples)
        lengths.push_back(data.tokens(sample));
    std::vector<RowFacts> facts(samples.size() * perSample);
    std::vector<double> logProbs(facts.size());
    for (const auto& group : planMicroBatches(lengths, microBatchTokens)) {
        if (stopped(stop))
            return logProbs;
        const PackedRows batch = data.pack(picked(samples, group));
        ATTUNE_ASSIGN(const auto sums, rowLogProbs(pass, batch.tokens, batch.facts, {.keepForBackward = false, .training = false}));
        for (std::size_t i = 0; i < sums.size(); ++i) {
            const std::size_t row = group[i / perSample] * perSample + i % perSample;
            facts[row] = batch.facts[i], logProbs[row] = sums[i].answer;
        }
    }
    return objective.partners(facts, logProbs);
}

} // namespace

Result<StepComparisons> compareSamples(TrainingPass& pass, const Objective& objective, const SampleRows& data,
                                       std::span<const std::uint32_t> samples, std::int64_t microBatchTokens, const std::stop_token* stop) {
    StepComparisons comparisons;
    const ObjectiveNeeds needs = objective.needs();
    if (needs.mismatched) {
        ATTUNE_ASSIGN(comparisons.divergence, divergenceOf(pass, data, samples, microBatchTokens, stop));
    }
    if (needs.partners) {
        ATTUNE_ASSIGN(comparisons.partners, partnersOf(pass, objective, data, samples, microBatchTokens, stop));
    }
    return comparisons;
}

PackedRows packCompared(const SampleRows& data, std::span<const std::uint32_t> samples, std::span<const std::uint32_t> group,
                        const StepComparisons& comparisons) {
    PackedRows batch = data.pack(picked(samples, group));
    if (comparisons.partners.empty() || group.empty())
        return batch;
    const std::size_t perSample = batch.facts.size() / group.size();
    for (std::size_t i = 0; i < batch.facts.size(); ++i)
        batch.facts[i].partner = comparisons.partners[group[i / perSample] * perSample + i % perSample];
    return batch;
}

} // namespace attune
