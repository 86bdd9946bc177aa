// The training loop: rows in seeded order, micro-batches, optimizer steps, validation, checkpoints, early stopping, refusal of NaN.
// Knows neither files of models nor how text is generated. Engine thread.
//
// Everything that happens at a step is a function of (recipe, data, step): a run continued from a checkpoint does bit by bit what
// the uninterrupted run would have done (same build, same number of threads).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "core/engine/checkpoint.h"
#include "core/engine/general_probe.h"
#include "core/engine/mixed_rows.h"
#include "core/engine/rollout_trainer.h"
#include "core/engine/sample_rows.h"
#include "core/engine/token_dataset.h"
#include "core/methods/method.h"
#include "core/nn/causal_lm.h"
#include "core/nn/training_pass.h"
#include "core/objectives/objective.h"
#include "core/optim/optimizer.h"
#include "core/protections/protection.h"
#include "core/run/pause_token.h"
#include "core/run/train_request.h"

namespace attune {

struct TrainSettings {
    double epochs = 3;
    std::int64_t maxSteps = 0; // 0 = by epochs
    std::int64_t batchSize = 8; // samples per optimizer step, accumulation included
    double learningRate = 2e-4;
    double warmupRatio = 0.03;
    double maxGradientNorm = 1.0;
    double routerLoss = 0; // weight of the load balancing loss of experts; 0 = none
    std::uint64_t seed = 42;
    std::int64_t evaluateEvery = 0, saveEvery = 0; // steps, 0 = ten times a run
    int keepCheckpoints = 2;
    std::int64_t earlyStoppingPatience = 0; // evaluations without gain, 0 = off
    std::int64_t microBatchTokens = 512;
    // Samples of several rows that have more tokens than this go through the model row by row; 0 = never.
    std::int64_t wholeSampleTokens = 0;
    ActivationPolicy activations = ActivationPolicy::Keep;
    std::int64_t stopAfterStep = 0;      // stops there with a checkpoint, resumable; 0 = runs to its end
    std::int64_t predictedPeakBytes = 0; // reported beside the measured peak
    std::int64_t memoryBefore = 0;       // resident before the model was read; reported with it
    std::string scheduleId = "cosine";
    ParamMap scheduleParams = {};
};

/// What the loop works on; all of it outlives the loop.
struct TrainParts {
    CausalLm& model;
    const Method& method;
    const Objective& objective;
    Optimizer& optimizer;
    const TokenDataset& train;
    const TokenDataset* validation = nullptr; // null: no validation
    fs::path runFolder;
    std::string identity; // of recipe, data, base model, tokenizer and template
    /// Answers the fixed prompts with the model as it is now and emits SampleGenerated events; after a stop request none. May be empty.
    std::function<Status(std::int64_t step, std::stop_token stop)> generateSamples;
    const TokenDataset* general = nullptr; // the probe's rows, see general_probe.h; null: not measured
    const TokenDataset* mixed = nullptr; // rows of a protection that every step mixes in; null: none
    double mixedShare = 0;               // of a step's tokens
    Penalty* penalty = nullptr;          // of a protection; null: none
    Constraint* constraint = nullptr;    // likewise
    RolloutTrainer* rollouts = nullptr; // does the steps and the validation of objectives that learn from rewards
};

class TrainLoop {
public:
    TrainLoop(TrainParts parts, TrainSettings settings, Emit emit);

    std::int64_t totalSteps() const { return m_totalSteps; }
    /// Restores the newest valid checkpoint. False: there is none, the run starts at step 0. Errors: InvalidData (belongs to another recipe
    /// or data, says which).
    Result<bool> resume();
    /// The trained weights of another run's checkpoint instead of fresh ones; call it before run(). Errors: InvalidData (they do not
    /// fit the method).
    Status beginWith(const Checkpoint& checkpoint);
    /// Counts as finished where it stands, after resume() and instead of run().
    Status endHere();
    /// Runs until the last step, early stopping or a stop request. True: finished; false: stopped (a checkpoint was written).
    Result<bool> run(std::stop_token stop, PauseToken& pause);
    /// So many optimizer steps from where it stands, without measuring, pausing or writing anything. Errors: Cancelled.
    Status trySteps(std::int64_t steps, const std::stop_token& stop);
    /// Loads the weights with the lowest validation loss (the last ones when nothing was measured). Returns their step.
    Result<std::int64_t> restoreBest();
    const TrainProgress& progress() const { return m_progress; }

private:
    enum class StepOutcome { Updated, Refused, Interrupted };
    Result<StepOutcome> trainStep(std::int64_t step);
    /// What a protection adds to a step beside `taskTokens` tokens of the task: gradients of mixed-in rows and of the penalty.
    struct Protecting {
        double loss = 0; // as it counts in the step's loss
        std::int64_t tokens = 0;
    };
    Result<Protecting> protect(std::int64_t step, std::int64_t taskTokens, std::uint32_t microBatch, std::map<std::string, double>& metrics);
    /// The same where RolloutTrainer does the work. Interrupted: a stop came before anything was changed.
    Result<StepOutcome> trainRolloutStep(std::int64_t step, const std::stop_token& stop);
    double learningRateAt(std::int64_t step) const;
    /// Counts the step and emits its event, which lacks only what is known here.
    void report(StepFinished event, double seconds);
    Status refuse(std::int64_t step, std::span<const std::uint32_t> samples, const char* what);
    bool measuredAt(std::int64_t step) const;
    /// Validation, samples and checkpoint of the step that is done. After a stop request in their midst everything is as before it, so
    /// that the continued run repeats them whole.
    enum class Closing { Done, StopsEarly, Interrupted };
    Result<Closing> closeStep(std::stop_token stop);
    /// Nothing after a stop request; else whether it is the best so far.
    Result<std::optional<bool>> evaluate(std::int64_t step, const std::stop_token& stop);
    /// Measures on the general data. False after a stop request.
    Result<bool> probeGeneral(std::int64_t step, const std::stop_token& stop);
    /// Loss, targets and metrics of the validation set; nothing after a stop request.
    Result<std::optional<ObjectiveOutput>> validationOutput(const std::stop_token& stop);
    double secondsLeft(std::int64_t step) const; // after this step, measuring included
    Status checkpoint(bool best);
    void checkpointOrWarn(bool best);
    std::span<const std::uint32_t> samplesOfStep(std::int64_t step); // valid until the next epoch's samples are asked for

    TrainParts m_parts;
    TrainSettings m_settings;
    Emit m_emit;
    ObjectiveNeeds m_needs;
    SampleRows m_train;
    TrainingPass m_pass;
    TrainProgress m_progress;
    std::function<double(std::int64_t, std::int64_t, std::int64_t, const ParamMap&)> m_schedule;
    std::int64_t m_stepsPerEpoch = 1, m_totalSteps = 0, m_warmupSteps = 0, m_evaluateEvery = 1, m_saveEvery = 1;
    double m_smoothedRate = 0;
    double m_measuringSeconds = 0; // validation and samples of this process, for the time left
    std::int64_t m_measurings = 0;
    std::int64_t m_lastCheckpoint = -1;
    std::vector<std::uint32_t> m_order; // of the rows in m_orderEpoch; a function of (seed, epoch) alone
    std::int64_t m_orderEpoch = -1;
};

} // namespace attune
