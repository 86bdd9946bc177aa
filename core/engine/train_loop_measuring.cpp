// TrainLoop, what follows a step: validation, the general probe, watched answers, checkpoints.
#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/engine/model_state.h"
#include "core/engine/process_memory.h"
#include "core/engine/step_comparisons.h"
#include "core/engine/train_loop.h"

namespace attune {

namespace {

using MeasuringClock = std::chrono::steady_clock;

} // namespace

Result<std::optional<ObjectiveOutput>> TrainLoop::validationOutput(const std::stop_token& stop) {
    if (m_parts.rollouts) {
        ATTUNE_ASSIGN(std::optional<RolloutTrainer::Outcome> outcome, m_parts.rollouts->evaluate(m_progress.carried, stop));
        if (!outcome)
            return std::nullopt;
        return ObjectiveOutput{outcome->loss, outcome->targets, std::move(outcome->metrics)};
    }
    const SampleRows data(*m_parts.validation, m_needs);
    const auto samples = data.all();
    std::vector<std::int64_t> lengths;
    for (const std::uint32_t sample : samples)
        lengths.push_back(data.tokens(sample));
    StepWindow window = data.window(samples);
    ATTUNE_ASSIGN(const StepComparisons comparisons,
                  compareSamples(m_pass, m_parts.objective, data, samples, m_settings.microBatchTokens, &stop));
    window.divergence = comparisons.divergence;
    ObjectiveOutput sum;
    for (const auto& group : planMicroBatches(lengths, m_settings.microBatchTokens)) {
        if (stop.stop_requested())
            return std::nullopt;
        const PackedRows batch = packCompared(data, samples, group, comparisons);
        const ForwardOptions options{.keepForBackward = false, .training = false};
        ATTUNE_ASSIGN(const ObjectiveOutput output,
                      m_parts.objective.evaluateMicroBatch({m_pass, batch.tokens, options, window, batch.facts}));
        sum.add(output);
    }
    return sum;
}

Result<std::optional<bool>> TrainLoop::evaluate(std::int64_t step, const std::stop_token& stop) {
    ATTUNE_ASSIGN(std::optional<ObjectiveOutput> output, validationOutput(stop));
    if (!output)
        return std::nullopt;
    const double loss = output->loss;
    const bool best = std::isfinite(loss) && (m_progress.bestStep < 0 || loss < m_progress.bestLoss);
    if (best) {
        m_progress.bestLoss = loss;
        m_progress.bestStep = step;
        m_progress.bestMetrics = output->metrics;
        m_progress.evaluationsWithoutGain = 0;
    } else {
        ++m_progress.evaluationsWithoutGain;
    }
    m_emit(EvalFinished{step, "validation", loss, output->targets, best, std::move(output->metrics)});
    return best;
}

Result<bool> TrainLoop::probeGeneral(std::int64_t step, const std::stop_token& stop) {
    ATTUNE_ASSIGN(const auto result, measureGeneral(m_pass, *m_parts.general, m_settings.microBatchTokens, stop));
    if (!result)
        return false;
    const bool finite = std::isfinite(result->loss); // a checkpoint holds numbers only
    if (step == 0 && finite)
        m_progress.generalBefore = result->loss;
    if ((step == m_progress.bestStep || m_progress.bestStep < 0) && finite) // of the weights that will be used
        m_progress.generalAfter = result->loss;
    m_emit(EvalFinished{step, "general", result->loss, result->targets, false,
                        {{"token_accuracy", result->accuracy}, {"perplexity", std::exp(result->loss)}}});
    return true;
}

Status TrainLoop::checkpoint(bool best) {
    if (m_lastCheckpoint == m_progress.step && !m_progress.finished)
        return {};
    auto saved = saveCheckpoint(m_parts.runFolder, m_progress, modelState(m_parts.method, m_parts.model), m_parts.optimizer);
    if (!saved)
        return fail(std::move(saved).error());
    m_lastCheckpoint = m_progress.step;
    pruneCheckpoints(m_parts.runFolder, m_settings.keepCheckpoints, m_progress.bestStep);
    m_emit(CheckpointSaved{m_progress.step, saved->folder.string(), best});
    return {};
}

// A failing disk must not cost the work that is in memory: it is reported, and tried again at the next checkpoint.
void TrainLoop::checkpointOrWarn(bool best) {
    if (auto saved = checkpoint(best); !saved)
        m_emit(WarningRaised{m_progress.step, "checkpoint.failed", saved.error().message, saved.error().hint});
}

Result<TrainLoop::Closing> TrainLoop::closeStep(std::stop_token stop) {
    const TrainProgress before = m_progress;
    const auto interrupted = [&] {
        m_progress = before;
        return Closing::Interrupted;
    };
    const auto start = MeasuringClock::now();
    const std::int64_t step = m_progress.step;
    const bool last = step == m_totalSteps, measured = measuredAt(step);
    bool best = false, stopsEarly = false;
    if (m_parts.validation && measured) {
        ATTUNE_ASSIGN(const std::optional<bool> evaluated, evaluate(step, stop));
        if (!evaluated)
            return interrupted();
        best = *evaluated && step > 0;
        stopsEarly = step > 0 && m_settings.earlyStoppingPatience > 0 && m_progress.evaluationsWithoutGain >= m_settings.earlyStoppingPatience;
    }
    if (m_parts.general && measured) {
        ATTUNE_ASSIGN(const bool probed, probeGeneral(step, stop));
        if (!probed)
            return interrupted();
    }
    const bool saved = step % m_saveEvery == 0 || best || last || stopsEarly;
    // The samples belong to the checkpoint, and come first: an interrupted step is repeated with both.
    if (saved && measured && m_parts.generateSamples) {
        m_pass.releaseBuffers(); // writing needs buffers of its own: not both at once
        ATTUNE_CHECK(m_parts.generateSamples(step, stop));
        if (stop.stop_requested())
            return interrupted();
    }
    if (measured) {
        m_measuringSeconds += std::chrono::duration<double>(MeasuringClock::now() - start).count();
        ++m_measurings;
    }
    m_progress.measuringDue = false;
    if (before.measuringDue && m_lastCheckpoint == step)
        m_lastCheckpoint = -1; // the one on the disk says that the measuring is due
    if (saved) {
        if (!last && !stopsEarly)
            checkpointOrWarn(best);
        m_emit(MemoryReported{residentBytes(), peakResidentBytes(), m_settings.predictedPeakBytes, m_settings.memoryBefore});
    }
    return stopsEarly ? Closing::StopsEarly : Closing::Done;
}

Result<std::int64_t> TrainLoop::restoreBest() {
    if (m_progress.bestStep < 0 || m_progress.bestStep == m_progress.step)
        return m_progress.step;
    const auto best = checkpointAt(m_parts.runFolder, m_progress.bestStep);
    if (!best) { // saving it may have failed, for example on a full disk: the trained weights in memory are still good
        m_emit(WarningRaised{m_progress.step, "checkpoint.best_missing",
                             "The best checkpoint (step " + std::to_string(m_progress.bestStep) + ") is missing or damaged; the last weights are used",
                             "Compare the validation loss of both steps, and train again if the difference matters."});
        return m_progress.step;
    }
    const auto state = modelState(m_parts.method, m_parts.model);
    ATTUNE_CHECK(loadCheckpoint(*best, state, nullptr));
    ATTUNE_CHECK(loadModelState(m_parts.method, m_parts.model, state));
    return m_progress.bestStep;
}

} // namespace attune
