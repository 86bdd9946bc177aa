// A training objective: which samples it learns from and what it makes of the log-probabilities the model gives them. One
// file each, one line in builtin_objectives.cpp. Engine thread.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/metric_spec.h"
#include "core/base/param_spec.h"
#include "core/base/result.h"
#include "core/nn/training_pass.h"
#include "core/objectives/rollout.h"

namespace attune {

/// A row of a batch as an objective sees it. Its targets stand in the batch's order of targets; those of the answer are a
/// run among them.
struct RowFacts {
    std::int64_t targets = 0;
    std::int64_t answerBegin = 0, answerTargets = 0; // among the row's targets
    double reference = 0;   // summed log-probability of the answer under the reference model
    bool desirable = true;  // of the sample
    double margin = 0;      // of the sample
    // Where the answers of a pair are of different length: tokens beyond the shorter one's count so much (LD-DPO); -1: none do.
    std::int64_t sharedTokens = -1;
    double restWeight = 1;
    double partner = 0; // see Objective::partners
    double weightOf(std::int64_t answerToken) const { return sharedTokens >= 0 && answerToken >= sharedTokens ? restWeight : 1.0; }
};

/// What losses are normalised by: everything of one optimizer step (however many micro-batches), or of a validation set.
struct StepWindow {
    double targets = 1; // target tokens of all rows
    double samples = 1;
    double firstRowTargets = 1; // target tokens of the samples' first rows (the better answers)
    double desirable = 0, undesirable = 0; // samples
    double divergence = 0; // mean of logp - logp_ref over the mismatched rows, see ObjectiveNeeds
};

struct ObjectiveInput {
    TrainingPass& pass;
    const PackedTokens& batch;
    const ForwardOptions& options;
    StepWindow window = {};
    std::span<const RowFacts> rows = {}; // rows of one sample lie together; token objectives do not look at them
    bool rowsApart = false; // one sample too long to go through the model as a whole: its rows go one after the other
    std::span<const Rollout* const> rollouts = {}; // one per row; objectives that learn from rewards only
};

/// Shares of the window's mean: the loss and metrics of a step are the sums over its micro-batches.
struct ObjectiveOutput {
    double loss = 0;
    std::int64_t targets = 0;
    std::map<std::string, double> metrics = {}; // "rewards/chosen" ...
    void add(const ObjectiveOutput& other) {
        loss += other.loss, targets += other.targets;
        for (const auto& [name, share] : other.metrics)
            metrics[name] += share;
    }
};

struct ObjectiveNeeds {
    std::int64_t rowsPerSample = 1;
    bool reference = false;      // RowFacts::reference must be filled
    bool mismatched = false;     // each sample's prompt with another sample's answer, for StepWindow::divergence
    bool partners = false;       // RowFacts::partner: every step begins with a forward over all of its rows
    double restWeight = 1;       // RowFacts::restWeight
    bool wholeFirstRow = false;  // the first row's prompt counts among its targets
    bool dropout = true;         // false: the adapters' dropout stays off, as log-probabilities are compared
    bool scoreHead = false;      // a reward model's head on top
    bool wholeSamplesOnly = false; // samples that would have to be cut are left out
    bool trainOnSetting = true;  // false: only the answer is scored, whatever training.train_on says
};

class PolicyObjective;

class Objective {
public:
    virtual ~Objective() = default;
    virtual const Described& description() const = 0;
    /// The samples it is made for, a sampleKindId: "chat", "text", "preference", "unpaired", "prompt_only".
    virtual std::string sampleKind() const = 0;
    virtual bool accepts(std::string_view kind) const { return kind == sampleKind(); }
    virtual ObjectiveNeeds needs() const { return {}; }
    /// What its steps and validations report beside the loss, the most telling first (objective_metrics.h).
    virtual std::vector<MetricSpec> metrics() const { return {}; }
    /// The same objective with these settings. Errors: InvalidArgument (a bad value).
    virtual Result<std::unique_ptr<Objective>> configured(const ParamMap& params) const = 0;
    /// The objective as one that learns from rewards of the model's own answers; null for all others.
    virtual const PolicyObjective* policy() const { return nullptr; }
    /// With needs().partners: for each row of a step a number that depends on all of them, from their answers' log-probabilities under the
    /// model as it is. It counts as a constant.
    virtual std::vector<double> partners(std::span<const RowFacts> /*rows*/, std::span<const double> /*logProbs*/) const { return {}; }
    /// What to change so that good and bad answers count alike; empty when they do, or do not differ.
    virtual std::string balanceAdvice(double /*desirable*/, double /*undesirable*/) const { return {}; }
    /// Forward + backward of one micro-batch: gradients accumulate in the model's Parameters.
    virtual Result<ObjectiveOutput> trainMicroBatch(const ObjectiveInput& input) const = 0;
    /// Forward only (validation).
    virtual Result<ObjectiveOutput> evaluateMicroBatch(const ObjectiveInput& input) const = 0;
};

const std::vector<std::unique_ptr<Objective>>& builtinObjectives();
const Objective* findObjective(std::string_view id);

} // namespace attune
