#include "core/engine/train_loop.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "core/base/rng.h"
#include "core/engine/model_state.h"
#include "core/engine/process_memory.h"
#include "core/engine/step_comparisons.h"
#include "core/objectives/sft.h"

namespace attune {

namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::int64_t tenth(std::int64_t steps) { return std::max<std::int64_t>(1, (steps + 9) / 10); }

// Refused steps after which a run is not worth continuing (reliability rule: 3 in a row or 10 within 100 steps).
constexpr std::int64_t kRefusedInARow = 3, kRefusedInWindow = 10, kRefusedWindow = 100;

bool tooManyRefused(const std::vector<std::int64_t>& refused, std::int64_t step) {
    const auto inWindow = std::count_if(refused.begin(), refused.end(), [&](auto s) { return s > step - kRefusedWindow; });
    bool row = refused.size() >= static_cast<std::size_t>(kRefusedInARow);
    for (std::int64_t i = 0; row && i < kRefusedInARow; ++i)
        row = refused[refused.size() - 1 - static_cast<std::size_t>(i)] == step - i;
    return row || inWindow >= kRefusedInWindow;
}

} // namespace

TrainLoop::TrainLoop(TrainParts parts, TrainSettings settings, Emit emit)
    : m_parts(std::move(parts)), m_settings(std::move(settings)), m_emit(std::move(emit)), m_needs(m_parts.objective.needs()),
      m_train(m_parts.train, m_needs), m_pass(m_parts.model) {
    const std::int64_t samples = m_train.samples();
    m_settings.batchSize = std::clamp<std::int64_t>(m_settings.batchSize, 1, samples);
    m_stepsPerEpoch = (samples + m_settings.batchSize - 1) / m_settings.batchSize;
    m_totalSteps = m_settings.maxSteps > 0
                       ? m_settings.maxSteps
                       : std::max<std::int64_t>(1, std::llround(std::ceil(m_settings.epochs * static_cast<double>(m_stepsPerEpoch))));
    m_warmupSteps = static_cast<std::int64_t>(std::ceil(m_settings.warmupRatio * static_cast<double>(m_totalSteps)));
    m_evaluateEvery = m_settings.evaluateEvery > 0 ? m_settings.evaluateEvery : tenth(m_totalSteps);
    m_saveEvery = m_settings.saveEvery > 0 ? m_settings.saveEvery : tenth(m_totalSteps);
    m_pass.setActivationPolicy(m_settings.activations);
    m_progress.identity = m_parts.identity;
    for (const ScheduleKind& kind : builtinSchedules()) {
        if (kind.description.id == m_settings.scheduleId)
            m_schedule = kind.factor;
    }
}

std::span<const std::uint32_t> TrainLoop::samplesOfStep(std::int64_t step) {
    const std::int64_t count = m_train.samples();
    const std::int64_t epoch = step / m_stepsPerEpoch, begin = (step % m_stepsPerEpoch) * m_settings.batchSize;
    if (epoch != m_orderEpoch) {
        m_order = permutation(static_cast<std::uint32_t>(count), m_settings.seed, static_cast<std::uint64_t>(epoch));
        m_orderEpoch = epoch;
    }
    const std::int64_t end = std::min(begin + m_settings.batchSize, count);
    return std::span(m_order).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
}

Result<bool> TrainLoop::resume() {
    const auto found = latestCheckpoint(m_parts.runFolder);
    if (!found)
        return false;
    if (found->progress.identity != m_parts.identity)
        return fail(ErrorCode::InvalidData,
                    "The checkpoint in " + found->folder.string() + " belongs to another recipe, data set or base model",
                    "Continue with exactly the recipe and files the run was started with, or start a new run.");
    const auto state = modelState(m_parts.method, m_parts.model);
    ATTUNE_CHECK(loadCheckpoint(*found, state, &m_parts.optimizer));
    ATTUNE_CHECK(loadModelState(m_parts.method, m_parts.model, state));
    m_progress = found->progress;
    m_lastCheckpoint = m_progress.step;
    return true;
}

Status TrainLoop::beginWith(const Checkpoint& checkpoint) {
    const auto state = modelState(m_parts.method, m_parts.model);
    if (auto read = loadCheckpoint(checkpoint, state, nullptr); !read) {
        Error error = std::move(read).error();
        error.message = "The weights of " + checkpoint.folder.string() + " do not fit this run: " + error.message;
        error.hint = "Keep the method and its settings (such as the rank) of the run it comes from, or leave out start.";
        return fail(std::move(error));
    }
    return loadModelState(m_parts.method, m_parts.model, state);
}

Status TrainLoop::endHere() {
    m_progress.finished = true;
    return checkpoint(m_progress.bestStep == m_progress.step);
}

Status TrainLoop::refuse(std::int64_t step, std::span<const std::uint32_t> samples, const char* what) {
    m_parts.model.zeroGradients();
    m_progress.refusedSteps.push_back(step);
    std::string sources;
    for (std::size_t i = 0; i < std::min<std::size_t>(samples.size(), 8); ++i)
        sources += (i ? ", " : "") + std::to_string(m_train.source(samples[i]) + 1);
    m_emit(WarningRaised{step, "numerical.refused",
                         "Step " + std::to_string(step) + " was refused: " + what + " is not a finite number (rows " + sources +
                             (samples.size() > 8 ? ", ..." : "") + ")",
                         "This update was left out. If it happens again, lower the learning rate or look at these rows."});
    if (tooManyRefused(m_progress.refusedSteps, step))
        return fail(ErrorCode::Numerical,
                    "Training was stopped at step " + std::to_string(step) + ": " +
                        std::to_string(m_progress.refusedSteps.size()) + " steps gave NaN or Inf",
                    "Continue from the last checkpoint with a lower learning rate (half is a good start).");
    return {};
}

Result<TrainLoop::StepOutcome> TrainLoop::trainStep(std::int64_t step) {
    const auto start = Clock::now();
    const auto samples = samplesOfStep(step - 1);
    std::vector<std::int64_t> lengths;
    std::int64_t tokens = 0;
    for (const std::uint32_t sample : samples) {
        lengths.push_back(m_train.tokens(sample));
        tokens += lengths.back();
    }
    StepWindow window = m_train.window(samples);
    ATTUNE_ASSIGN(const StepComparisons comparisons,
                  compareSamples(m_pass, m_parts.objective, m_train, samples, m_settings.microBatchTokens, nullptr));
    window.divergence = comparisons.divergence;
    m_pass.balanceRouters(m_settings.routerLoss / static_cast<double>(tokens));
    ObjectiveOutput sum;
    std::uint32_t microBatch = 0;
    for (const auto& group : planMicroBatches(lengths, m_settings.microBatchTokens)) {
        const PackedRows batch = packCompared(m_train, samples, group, comparisons);
        const ForwardOptions options{.keepForBackward = true,
                                     .training = true,
                                     .dropoutSeed = m_settings.seed,
                                     .step = static_cast<std::uint64_t>(step),
                                     .microBatch = microBatch++};
        const bool apart = group.size() == 1 && batch.facts.size() > 1 && m_settings.wholeSampleTokens > 0 &&
                           lengths[group.front()] > m_settings.wholeSampleTokens;
        ATTUNE_ASSIGN(const ObjectiveOutput output,
                      m_parts.objective.trainMicroBatch({m_pass, batch.tokens, options, window, batch.facts, apart}));
        sum.add(output);
    }
    ATTUNE_ASSIGN(const Protecting protecting, protect(step, tokens, microBatch, sum.metrics));
    tokens += protecting.tokens;
    if (m_settings.routerLoss > 0)
        sum.metrics["aux_loss"] = m_pass.takeRouterLoss() / m_settings.routerLoss;
    if (!std::isfinite(sum.loss + protecting.loss)) {
        ATTUNE_CHECK(refuse(step, samples, "the loss"));
        return StepOutcome::Refused;
    }
    const double rate = learningRateAt(step);
    const StepResult update = m_parts.optimizer.step(rate, m_settings.maxGradientNorm);
    if (!update.finite) {
        ATTUNE_CHECK(refuse(step, samples, "the gradient"));
        return StepOutcome::Refused;
    }
    if (m_parts.constraint)
        m_parts.constraint->apply();
    m_parts.model.refreshComputeWeights();
    ++m_progress.optimizerSteps;
    report({.step = step,
            .loss = sum.loss,
            .learningRate = rate,
            .gradientNorm = update.gradientNorm,
            .tokens = tokens,
            .targetTokens = static_cast<std::int64_t>(window.targets),
            .metrics = std::move(sum.metrics)},
           secondsSince(start));
    return StepOutcome::Updated;
}

Result<TrainLoop::Protecting> TrainLoop::protect(std::int64_t step, std::int64_t taskTokens, std::uint32_t microBatch,
                                                 std::map<std::string, double>& metrics) {
    Protecting done;
    if (m_parts.mixed) {
        const SampleRows rows(*m_parts.mixed, {});
        const auto chosen = mixedRowsOfStep(*m_parts.mixed, m_parts.mixedShare, m_settings.seed, step, taskTokens);
        std::vector<std::int64_t> lengths;
        for (const std::uint32_t row : chosen) {
            lengths.push_back(rows.tokens(row));
            done.tokens += lengths.back();
        }
        // The rows' mean log-loss counts as their tokens do against the task's: its sum is divided by their targets over that ratio.
        const double targets = rows.window(chosen).targets, ratio = static_cast<double>(done.tokens) / static_cast<double>(taskTokens);
        StepWindow window;
        window.targets = chosen.empty() ? 1 : targets / ratio;
        static const SftObjective plain;
        for (const auto& group : planMicroBatches(lengths, m_settings.microBatchTokens)) {
            std::vector<std::uint32_t> members;
            for (const std::uint32_t index : group)
                members.push_back(chosen[index]);
            const PackedRows batch = rows.pack(members);
            const ForwardOptions options{.keepForBackward = true,
                                         .training = m_needs.dropout,
                                         .dropoutSeed = m_settings.seed,
                                         .step = static_cast<std::uint64_t>(step),
                                         .microBatch = microBatch++};
            ATTUNE_ASSIGN(const ObjectiveOutput output, plain.trainMicroBatch({m_pass, batch.tokens, options, window, batch.facts}));
            done.loss += output.loss;
        }
        metrics["replay/share"] = static_cast<double>(done.tokens) / static_cast<double>(done.tokens + taskTokens);
        if (!chosen.empty())
            metrics["replay/loss"] = done.loss / ratio;
    }
    if (m_parts.penalty) {
        const double penalty = m_parts.penalty->addGradient();
        metrics["penalty"] = penalty;
        done.loss += penalty;
    }
    return done;
}

Result<TrainLoop::StepOutcome> TrainLoop::trainRolloutStep(std::int64_t step, const std::stop_token& stop) {
    const auto start = Clock::now();
    const auto samples = samplesOfStep(step - 1);
    const double rate = learningRateAt(step);
    const auto protectUpdate = [&](std::int64_t tokens, std::map<std::string, double>& metrics) -> Result<double> {
        ATTUNE_ASSIGN(const Protecting protecting, protect(step, tokens, 0, metrics));
        return protecting.loss;
    };
    ATTUNE_ASSIGN(std::optional<RolloutTrainer::Outcome> outcome,
                  m_parts.rollouts->step(step, samples, rate, m_progress.carried, protectUpdate, stop));
    if (!outcome)
        return StepOutcome::Interrupted;
    m_progress.optimizerSteps += outcome->updates;
    if (!outcome->notFinite.empty()) {
        ATTUNE_CHECK(refuse(step, samples, outcome->notFinite.c_str()));
        return StepOutcome::Refused;
    }
    report({.step = step,
            .loss = outcome->loss,
            .learningRate = rate,
            .gradientNorm = outcome->gradientNorm,
            .tokens = outcome->tokens,
            .targetTokens = outcome->targets,
            .metrics = std::move(outcome->metrics)},
           secondsSince(start));
    return StepOutcome::Updated;
}

double TrainLoop::learningRateAt(std::int64_t step) const {
    return m_settings.learningRate * m_schedule(step - 1, m_warmupSteps, m_totalSteps, m_settings.scheduleParams);
}

void TrainLoop::report(StepFinished event, double seconds) {
    m_progress.tokens += event.tokens;
    m_progress.seconds += seconds;
    const double current = static_cast<double>(event.tokens) / std::max(seconds, 1e-9);
    m_smoothedRate = m_smoothedRate == 0 ? current : 0.9 * m_smoothedRate + 0.1 * current;
    event.totalSteps = m_totalSteps;
    event.epoch = static_cast<double>(event.step) / static_cast<double>(m_stepsPerEpoch);
    event.seconds = seconds;
    event.tokensPerSecond = m_smoothedRate;
    event.secondsLeft = secondsLeft(event.step);
    m_emit(std::move(event));
}

bool TrainLoop::measuredAt(std::int64_t step) const { return step % m_evaluateEvery == 0 || step == m_totalSteps; }

double TrainLoop::secondsLeft(std::int64_t step) const {
    const double perStep = m_progress.seconds / static_cast<double>(step);
    const double perMeasuring = m_measurings > 0 ? m_measuringSeconds / static_cast<double>(m_measurings) : 0;
    // Step `step` itself is measured after this; the last step always is.
    const std::int64_t measurings = m_totalSteps / m_evaluateEvery - (step - 1) / m_evaluateEvery + (m_totalSteps % m_evaluateEvery != 0);
    return perStep * static_cast<double>(m_totalSteps - step) + perMeasuring * static_cast<double>(measurings);
}

Status TrainLoop::trySteps(std::int64_t steps, const std::stop_token& stop) {
    for (std::int64_t i = 0; i < steps; ++i) {
        if (stop.stop_requested())
            return fail(ErrorCode::Cancelled, "The check was cancelled");
        const std::int64_t step = ++m_progress.step;
        ATTUNE_CHECK(m_parts.rollouts ? trainRolloutStep(step, stop) : trainStep(step));
    }
    return {};
}

Result<bool> TrainLoop::run(std::stop_token stop, PauseToken& pause) {
    if (m_progress.finished)
        return true;
    bool stoppedEarly = false;
    while ((m_progress.step < m_totalSteps || m_progress.measuringDue) && !stoppedEarly) {
        if (pause.paused() && !stop.stop_requested()) {
            checkpointOrWarn(false); // a pause may last until the power is cut
            m_emit(StateChanged{RunState::Paused, "Paused"});
            pause.waitWhilePaused(stop);
            if (!stop.stop_requested())
                m_emit(StateChanged{RunState::Running, "Running"});
        }
        const bool reached = m_settings.stopAfterStep > 0 && m_progress.step >= m_settings.stopAfterStep && !m_progress.measuringDue;
        if (stop.stop_requested() || reached) {
            m_emit(StateChanged{RunState::Stopping, "Saving a checkpoint"});
            ATTUNE_CHECK(checkpoint(false));
            return false;
        }
        if (!m_progress.measuringDue) {
            const std::int64_t step = m_progress.step + 1;
            ATTUNE_ASSIGN(const StepOutcome outcome, m_parts.rollouts ? trainRolloutStep(step, stop) : trainStep(step));
            if (outcome == StepOutcome::Interrupted)
                continue; // the stop is seen above
            m_progress.step = step;
            m_progress.measuringDue = true;
        }
        ATTUNE_ASSIGN(const Closing closing, closeStep(stop));
        stoppedEarly = closing == Closing::StopsEarly;
    }
    if (stoppedEarly)
        m_emit(WarningRaised{m_progress.step, "training.early_stop",
                             "Stopped early: validation did not improve in " + std::to_string(m_progress.evaluationsWithoutGain) +
                                 " measurements in a row",
                             "The checkpoint of step " + std::to_string(m_progress.bestStep) + " is used."});
    m_pass.releaseBuffers(); // what is written now needs memory of its own
    if (m_parts.rollouts)
        m_parts.rollouts->releaseBuffers();
    returnFreedMemory(); // else most of it stays with the allocator, and what is written comes on top
    m_progress.finished = true;
    ATTUNE_CHECK(checkpoint(m_progress.bestStep == m_progress.step));
    return true;
}

} // namespace attune
