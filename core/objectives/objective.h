// A training objective: which log-probabilities it needs and what it makes of them. One file each, one line in
// builtin_objectives.cpp.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/param_spec.h"
#include "core/base/result.h"
#include "core/nn/training_pass.h"

namespace attune {

struct ObjectiveInput {
    TrainingPass& pass;
    const PackedTokens& batch;
    const ForwardOptions& options;
    double windowTargets = 1; // target tokens of the whole accumulation window: the loss is normalised by them
};

struct ObjectiveOutput {
    double lossSum = 0; // sum over targets; divide by the window's targets for the step's loss
    std::int64_t targets = 0;
};

class Objective {
public:
    virtual ~Objective() = default;
    virtual const Described& description() const = 0;
    virtual std::string sampleKind() const = 0; // "chat"
    /// Forward + backward of one micro-batch: gradients accumulate in the model's Parameters.
    virtual Result<ObjectiveOutput> trainMicroBatch(const ObjectiveInput& input) const = 0;
    /// Forward only (validation).
    virtual Result<ObjectiveOutput> evaluateMicroBatch(const ObjectiveInput& input) const = 0;
};

const std::vector<std::unique_ptr<Objective>>& builtinObjectives(); // "sft"
const Objective* findObjective(std::string_view id);

} // namespace attune
