#include "core/objectives/sft.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "core/objectives/objective_metrics.h"
#include "core/objectives/objective_params.h"
#include "core/plan/catalog.h"

namespace attune {

namespace {

std::int64_t targetsOf(const PackedTokens& batch) {
    return std::count_if(batch.targets.begin(), batch.targets.end(), [](std::int64_t id) { return id != -100; });
}

} // namespace

SftObjective::SftObjective() {
    m_description.id = "sft";
    m_description.title = "Learn from examples";
    m_description.summary = "Supervised fine-tuning: the model learns to write the answers of your examples.";
    m_description.cost = "Each row once per epoch", m_description.quality = "Writes like your examples, and as well as they are";
    m_description.params = {
        advancedParam(choiceParam("loss_type", "Loss", "nll", {"nll", "dft"},
                                  "nll is the usual one; dft (dynamic fine-tuning) lets tokens the model finds unlikely count "
                                  "less, which often generalises better.")),
        advancedParam(numberParam("neftune_alpha", "Embedding noise (NEFTune)", 0, 0, 100,
                                  "Noise on the input embeddings while training; 5 to 15 makes answers less parrot-like, 0 is off.",
                                  "The model no longer understands its input and the loss stays high.",
                                  "Nothing: without noise training is as usual.")),
    };
}

Status SftObjective::setParams(const ParamMap& params) {
    const auto& specs = m_description.params;
    ATTUNE_CHECK(checkParams(params, specs, m_description.id));
    m_dynamic = paramString(params, specs, "loss_type") == "dft";
    m_noiseAlpha = paramDouble(params, specs, "neftune_alpha");
    return {};
}

std::vector<MetricSpec> SftObjective::metrics() const {
    return joinedMetrics(textMetricSpecs(true),
                         {{"nll", "Loss without weights", "nats", "What plain learning would count, where the loss weighs the tokens."}});
}

Result<std::unique_ptr<Objective>> SftObjective::configured(const ParamMap& params) const {
    auto made = std::make_unique<SftObjective>();
    ATTUNE_CHECK(made->setParams(params));
    return made;
}

ObjectiveOutput SftObjective::outputOf(const at::Tensor& logProbs, const TargetFacts& facts, double windowTargets) const {
    const at::Tensor wide = logProbs.to(at::kDouble);
    const double share = 1 / std::max(1.0, windowTargets);
    ObjectiveOutput output;
    output.targets = logProbs.size(0);
    output.loss = -(m_dynamic ? wide * wide.exp() : wide).sum().item<double>() * share;
    if (m_dynamic)
        output.metrics["nll"] = -wide.sum().item<double>() * share;
    output.metrics["entropy"] = facts.entropy().sum(at::kDouble).item<double>() * share;
    output.metrics["mean_token_accuracy"] = facts.likeliest().sum(at::kDouble).item<double>() * share;
    return output;
}

Result<ObjectiveOutput> SftObjective::trainMicroBatch(const ObjectiveInput& input) const {
    const std::int64_t targets = targetsOf(input.batch);
    if (targets == 0)
        return ObjectiveOutput{};
    ForwardOptions options = input.options;
    options.keepForBackward = true;
    options.embeddingNoise = options.training ? m_noiseAlpha : 0;
    ATTUNE_CHECK(input.pass.forward(input.batch, options));
    const at::Tensor weights = at::full({targets}, 1.0 / std::max(1.0, input.window.targets), at::kDouble);
    TargetFacts facts;
    ATTUNE_ASSIGN(const at::Tensor logProbs, input.pass.targetLogProbsWithGradient(weights, m_dynamic, &facts));
    ATTUNE_CHECK(input.pass.backward());
    return outputOf(logProbs, facts, input.window.targets);
}

Result<ObjectiveOutput> SftObjective::evaluateMicroBatch(const ObjectiveInput& input) const {
    if (targetsOf(input.batch) == 0)
        return ObjectiveOutput{};
    ForwardOptions options = input.options;
    options.keepForBackward = false;
    options.training = false;
    ATTUNE_CHECK(input.pass.forward(input.batch, options));
    TargetFacts facts;
    ATTUNE_ASSIGN(const at::Tensor logProbs, input.pass.targetLogProbs(&facts));
    return outputOf(logProbs, facts, input.window.targets);
}

PretrainObjective::PretrainObjective() {
    m_description.id = "pretrain";
    m_description.title = "Read texts";
    m_description.summary = "Continued pre-training: the model reads your documents and learns their language and facts.";
    m_description.cost = "Every token of a document counts", m_description.quality = "Knows the language and facts; does not learn to answer";
}

ObjectiveNeeds PretrainObjective::needs() const {
    ObjectiveNeeds wanted;
    wanted.trainOnSetting = false;
    return wanted;
}

Result<std::unique_ptr<Objective>> PretrainObjective::configured(const ParamMap& params) const {
    auto made = std::make_unique<PretrainObjective>();
    ATTUNE_CHECK(made->setParams(params));
    return made;
}

} // namespace attune
