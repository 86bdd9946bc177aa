#include "core/run/fake_engine.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include "core/base/rng.h"
#include "core/plan/param_check.h"

namespace attune {

namespace {

constexpr std::uint64_t kNoiseStream = 0x66616b65;

// Waits in small pieces so that a stop is noticed at once.
void waitFor(std::chrono::milliseconds time, const std::stop_token& stop) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (!stop.stop_requested() && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(
            std::min<std::chrono::nanoseconds>(std::chrono::milliseconds(2), end - std::chrono::steady_clock::now()));
}

// Something that moves as such a figure does in a run that goes well, `done` from 0 to 1.
double fakeMetric(const MetricSpec& spec, double done, double noise) {
    const double risen = 1 - std::exp(-4 * done);
    if (spec.unit == "share")
        return std::clamp((spec.key.ends_with("accuracies") ? 0.5 + 0.38 * risen : 0.4 - 0.3 * risen) + 0.03 * noise, 0.0, 1.0);
    if (spec.unit == "tokens")
        return 96 + 30 * done + 4 * noise;
    if (spec.unit == "nats")
        return spec.key == "entropy" ? 1.6 - 0.7 * risen + 0.03 * noise : 0.25 * done + 0.01 * noise;
    return (spec.key.ends_with("rejected") ? -0.9 : 1.1) * risen + 0.05 * noise;
}

// The fake's checkpoint: the number of the last step, written only where a run is asked to stop at a step.
fs::path stepFile(const std::string& folder) {
    return fs::path(folder) / "fake-step";
}
std::int64_t stepReached(const std::string& folder) {
    const auto text = readFile(stepFile(folder));
    return text ? std::strtoll(text->c_str(), nullptr, 10) : 0;
}
void rememberStep(const std::string& folder, std::int64_t step) {
    (void)writeFileAtomic(stepFile(folder), std::to_string(step));
}

} // namespace

FakeEngine::FakeEngine(FakeEngineOptions options) : m_options(options), m_catalog(fakeCatalog()) {}

Status FakeEngine::check(const RunConfig& config) const {
    for (const Complaint& complaint : checkRunConfig(config, m_catalog))
        if (complaint.severity == Complaint::Severity::Error)
            return fail(ErrorCode::InvalidArgument, complaint.message, complaint.hint);
    return {};
}

Status FakeEngine::train(const TrainRequest& request, std::stop_token stop, PauseToken& pause, const Emit& emit) {
    const auto& specs = trainingParams().params;
    const double rate = paramDouble(request.config.training, specs, "learning_rate");
    Rng noise(static_cast<std::uint64_t>(paramInt(request.config.training, specs, "seed")), kNoiseStream);
    const auto last = [&](RunState state, const char* what) {
        if (m_options.sayFinalState)
            emit(StateChanged{state, what, -1});
    };
    emit(StateChanged{RunState::Preparing, "Preparing the data", 0.5});
    if (request.takeBest) {
        emit(StateChanged{RunState::Running, "Taking the best checkpoint as the result", -1});
        last(RunState::Finished, "Finished");
        return {};
    }
    std::vector<MetricSpec> metrics;
    for (const ObjectiveEntry& objective : m_catalog.objectives)
        if (objective.description.id == request.config.objective.id)
            metrics = objective.metrics;
    const auto metricsAt = [&](double done) {
        std::map<std::string, double> values;
        for (const MetricSpec& spec : metrics)
            values[spec.key] = fakeMetric(spec, done, noise.normal());
        return values;
    };
    // Far from the usual rate a run learns less, so that trials of a sweep differ.
    const double away = std::log10(rate / 2e-4), lost = 0.25 * away * away;
    if (m_options.failAboveRate > 0 && rate > m_options.failAboveRate)
        return fail(ErrorCode::Numerical, "Training was stopped at step 3: 3 steps gave NaN or Inf",
                    "Continue from the last checkpoint with a lower learning rate (half is a good start).");
    const std::int64_t before = request.resume ? stepReached(request.folder) : 0;
    if (before == 0)
        emit(EvalFinished{0, "validation", 3.0, 1000, true});
    if (before == 0)
        emit(EvalFinished{0, "general", 1.4, 2000, false, {{"token_accuracy", 0.66}}});
    emit(StateChanged{RunState::Running, "Training", -1});
    const double steps = static_cast<double>(std::max<std::int64_t>(1, m_options.steps));
    double best = 3.0;
    for (std::int64_t step = before + 1; step <= m_options.steps; ++step) {
        if (request.stopAfterStep > 0 && step > request.stopAfterStep) {
            rememberStep(request.folder, step - 1);
            last(RunState::Stopped, "Stopped");
            return {};
        }
        if (pause.paused()) {
            emit(StateChanged{RunState::Paused, "Paused", -1});
            pause.waitWhilePaused(stop);
            if (!stop.stop_requested())
                emit(StateChanged{RunState::Running, "Training", -1});
        }
        if (stop.stop_requested()) {
            emit(CheckpointSaved{step - 1, request.folder + "/checkpoints/step-" + std::to_string(step - 1), false});
            last(RunState::Stopped, "Stopped");
            return {};
        }
        waitFor(m_options.stepTime, stop);
        if (step == m_options.throwAtStep)
            throw std::runtime_error("a library threw");
        if (step == m_options.failAtStep) {
            const Error error{ErrorCode::Numerical, "The loss became infinite at step " + std::to_string(step),
                              "Lower the learning rate."};
            emit(RunFailed{error});
            last(RunState::Failed, error.message.c_str());
            return fail(error);
        }
        const double done = static_cast<double>(step) / steps;
        const double loss = 0.4 + 2.6 * std::exp(-4 * done) + 0.05 * noise.normal();
        const double perStep = std::max(0.001, std::chrono::duration<double>(m_options.stepTime).count());
        emit(StepFinished{.step = step,
                          .totalSteps = m_options.steps,
                          .epoch = 3 * done,
                          .loss = loss,
                          .learningRate = rate * (1 + std::cos(3.14159265358979 * done)) / 2,
                          .gradientNorm = 0.5 + 0.3 * noise.uniform(),
                          .tokens = 2048,
                          .targetTokens = 512,
                          .seconds = perStep,
                          .tokensPerSecond = 2048 / perStep,
                          .secondsLeft = perStep * static_cast<double>(m_options.steps - step),
                          .metrics = metricsAt(done)});
        if (m_options.evalEvery > 0 && step % m_options.evalEvery == 0) {
            double validation = 0.6 + lost + 2.4 * std::exp(-4 * done);
            if (m_options.overfits && done > 0.5)
                validation += 3 * (done - 0.5);
            emit(EvalFinished{step, "validation", validation, 1000, validation < best, metricsAt(done)});
            emit(EvalFinished{step, "general", 1.4 + 0.08 * done, 2000, false, {{"token_accuracy", 0.66 - 0.02 * done}}});
            emit(
                CheckpointSaved{step, request.folder + "/checkpoints/step-" + std::to_string(step), validation < best});
            emit(SampleGenerated{step, 0, "What is the capital of France?", "Paris.",
                                 done > 0.4 ? "Paris." : "The the."});
            emit(MemoryReported{700'000'000, 720'000'000, 750'000'000, 140'000'000});
            best = std::min(best, validation);
        }
    }
    last(RunState::Finished, "Finished");
    return {};
}

Result<StepMeasurement> FakeEngine::measureSteps(const TrainRequest& request, std::stop_token stop, const Emit& emit) {
    emit(StateChanged{RunState::Running, "Two steps over the longest rows", -1});
    waitFor(m_options.stepTime, stop);
    if (stop.stop_requested())
        return fail(ErrorCode::Cancelled, "The check was cancelled");
    if (m_options.failAtStep > 0)
        return fail(ErrorCode::OutOfMemory, "There is not enough memory", "Lower the maximum length.");
    StepMeasurement measured;
    measured.steps = 2;
    measured.rows = paramInt(request.config.training, trainingParams().params, "batch_size");
    measured.longestTokens = 412, measured.peakBytes = 1'240'000'000, measured.predictedPeakBytes = 1'190'000'000;
    measured.beforeBytes = 140'000'000, measured.otherLoad = m_options.otherLoad;
    measured.secondsPerStep = 0.84, measured.tokensPerSecond = 2590, measured.runSteps = 339, measured.runSeconds = 192;
    measured.precision = "bf16", measured.activations = "keep";
    return measured;
}

Result<std::vector<GeneratedText>> FakeEngine::generate(const GenerateRequest& request, std::stop_token stop,
                                                        const Emit& emit) {
    static constexpr const char* kPieces[] = {"This ", "is ", "a ", "made-up ", "answer."};
    std::vector<GeneratedText> texts;
    for (std::size_t i = 0; i < request.prompts.size(); ++i) {
        GeneratedText text;
        text.text = request.adapter.empty() ? "Base: " : "Tuned: ";
        const auto say = [&](const std::string& piece) {
            TextGenerated said;
            said.pane = request.pane, said.index = static_cast<int>(i), said.text = piece;
            emit(said);
        };
        say(text.text);
        text.finish = "stop";
        for (const char* piece : kPieces) {
            waitFor(m_options.stepTime, stop);
            if (stop.stop_requested()) {
                text.finish = "cancelled";
                break;
            }
            text.text += piece;
            text.tokens.push_back(static_cast<std::int64_t>(text.tokens.size()));
            say(piece);
        }
        TextGenerated end;
        end.pane = request.pane, end.index = static_cast<int>(i), end.finished = true, end.finishReason = text.finish;
        end.tokens = static_cast<std::int64_t>(text.tokens.size()), end.tokensPerSecond = 100;
        emit(end);
        texts.push_back(std::move(text));
    }
    return texts;
}

Result<std::vector<std::vector<float>>> FakeEngine::score(const ScoreRequest& request, std::stop_token) {
    std::vector<std::vector<float>> scores;
    for (const auto& row : request.rows)
        scores.emplace_back(row.empty() ? 0 : row.size() - 1, -1.0F);
    return scores;
}

Result<AdapterProof> FakeEngine::proveAdapter(const std::string& model, const std::string& adapter, std::stop_token) {
    return AdapterProof{hashBytes(model), hashBytes(adapter), hashBytes("template"), adapter.empty() ? 0.0 : 2.5,
                        adapter.empty() ? 0.0 : 0.4};
}

Result<ExportReport> FakeEngine::exportRun(const ExportRequest& request, std::stop_token stop, const Emit& emit) {
    emit(StateChanged{RunState::Running, "Writing " + request.format, 0.5});
    waitFor(m_options.stepTime, stop);
    if (stop.stop_requested())
        return fail(ErrorCode::Cancelled, "The export was cancelled");
    return ExportReport{{request.outputFolder + "/adapter_model.safetensors"}, 0, 1, 64};
}

Result<Json> FakeEngine::bench(const std::string& what, const Json&, std::stop_token) {
    return Json{{"what", what}, {"tokens_per_second", 1000.0}};
}

} // namespace attune
