#include "core/objectives/sft.h"

#include <algorithm>

#include <ATen/ATen.h>

namespace attune {

namespace {

std::int64_t targetsOf(const PackedTokens& batch) {
    return std::count_if(batch.targets.begin(), batch.targets.end(), [](std::int64_t id) { return id != -100; });
}

ObjectiveOutput outputOf(const at::Tensor& logProbs) {
    return {-logProbs.to(at::kDouble).sum().item<double>(), logProbs.size(0)};
}

} // namespace

SftObjective::SftObjective() {
    m_description.id = "sft";
    m_description.title = "Learn from examples";
    m_description.summary = "Supervised fine-tuning: the model learns to write the answers of your examples.";
}

Result<ObjectiveOutput> SftObjective::trainMicroBatch(const ObjectiveInput& input) const {
    const std::int64_t targets = targetsOf(input.batch);
    if (targets == 0)
        return ObjectiveOutput{};
    ForwardOptions options = input.options;
    options.keepForBackward = true;
    ATTUNE_CHECK(input.pass.forward(input.batch, options));
    const at::Tensor weights = at::full({targets}, 1.0 / std::max(1.0, input.windowTargets), at::kDouble);
    ATTUNE_ASSIGN(const at::Tensor logProbs, input.pass.targetLogProbsWithGradient(weights));
    ATTUNE_CHECK(input.pass.backward());
    return outputOf(logProbs);
}

Result<ObjectiveOutput> SftObjective::evaluateMicroBatch(const ObjectiveInput& input) const {
    if (targetsOf(input.batch) == 0)
        return ObjectiveOutput{};
    ForwardOptions options = input.options;
    options.keepForBackward = false;
    options.training = false;
    ATTUNE_CHECK(input.pass.forward(input.batch, options));
    ATTUNE_ASSIGN(const at::Tensor logProbs, input.pass.targetLogProbs());
    return outputOf(logProbs);
}

} // namespace attune
