#include "core/engine/measure_steps.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "core/base/cpu_load.h"
#include "core/engine/engine_catalog.h"
#include "core/engine/process_memory.h"
#include "core/engine/train_run.h"

namespace attune {

namespace {

constexpr std::int64_t kMeasuredSteps = 2;

// Objectives with a reference keep its answers in the run's folder: here one that goes again.
class PassingFolder {
public:
    PassingFolder() {
        std::error_code code;
        std::string name = (fs::temp_directory_path(code) / "attune-check-XXXXXX").string();
        if (!code && ::mkdtemp(name.data()))
            m_path = name;
    }
    ~PassingFolder() {
        std::error_code code;
        if (!m_path.empty())
            fs::remove_all(m_path, code);
    }
    PassingFolder(const PassingFolder&) = delete;
    PassingFolder& operator=(const PassingFolder&) = delete;
    const fs::path& path() const { return m_path; }

private:
    fs::path m_path;
};

} // namespace

TokenDataset longestSamples(const TokenDataset& data, std::int64_t count) {
    const std::size_t perSample = data.rowsPerSample;
    const auto samples = static_cast<std::size_t>(data.samples());
    std::vector<std::int64_t> tokens(samples, 0);
    for (std::size_t i = 0; i < samples * perSample; ++i)
        tokens[i / perSample] += static_cast<std::int64_t>(data.rows[i].ids.size());
    std::vector<std::size_t> order(samples);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return tokens[a] > tokens[b]; });
    order.resize(std::min(samples, static_cast<std::size_t>(std::max<std::int64_t>(1, count))));
    std::sort(order.begin(), order.end());
    TokenDataset longest;
    longest.rowsPerSample = perSample;
    for (const std::size_t sample : order) {
        longest.longest = std::max(longest.longest, tokens[sample]);
        for (std::size_t row = sample * perSample; row < (sample + 1) * perSample; ++row) {
            longest.rows.push_back(data.rows[row]);
            longest.tokens += static_cast<std::int64_t>(data.rows[row].ids.size());
            longest.targets += data.rows[row].targets;
            longest.truncatedRows += data.rows[row].truncated;
        }
    }
    return longest;
}

Status measureLoop(TrainParts parts, const TrainSettings& settings, const MeasuredRun& run, std::stop_token stop, const Emit& emit,
                   StepMeasurement& measured) {
    StepFinished last;
    measured.rows = std::min<std::int64_t>(parts.train.samples(), settings.batchSize);
    const bool ownAnswers = parts.rollouts != nullptr; // their lengths are what was measured, not the rows'
    measured.longestTokens = parts.train.longest;
    const bool bf16 = parts.model.settings().dtype == at::kBFloat16;
    parts.generateSamples = {};
    parts.validation = nullptr;
    emit(StateChanged{RunState::Running, "Two steps over the longest rows"});
    TrainLoop loop(std::move(parts), settings, [&](TrainingEvent event) {
        if (const auto* step = std::get_if<StepFinished>(&event))
            last = *step;
        emit(std::move(event));
    });
    const CpuLoadMeter load;
    ATTUNE_CHECK(loop.trySteps(kMeasuredSteps, stop));
    measured.otherLoad = load.others();
    if (last.seconds <= 0)
        return fail(ErrorCode::Numerical, "The check's steps were refused: their numbers are not finite",
                    "Lower the learning rate, or look at the longest rows.");
    measured.steps = kMeasuredSteps;
    measured.peakBytes = peakResidentBytes();
    measured.predictedPeakBytes = settings.predictedPeakBytes;
    measured.beforeBytes = settings.memoryBefore;
    measured.secondsPerStep = last.seconds;
    measured.tokensPerSecond = static_cast<double>(last.tokens) / std::max(last.seconds, 1e-9);
    measured.runSteps = estimateTime(run.model, run.config, engineCatalog(), run.shape, run.computer).steps;
    const double rowsPerStep = static_cast<double>(std::min(settings.batchSize, std::max<std::int64_t>(1, run.shape.rows)));
    const auto mixed = last.metrics.find("replay/share"); // rows of a protection count in the measured speed
    const double ofTask = mixed == last.metrics.end() ? 1 : std::max(0.05, 1 - mixed->second);
    measured.runSeconds = static_cast<double>(measured.runSteps) *
                          (ownAnswers ? measured.secondsPerStep : rowsPerStep * run.shape.averageTokens / ofTask / measured.tokensPerSecond);
    measured.precision = bf16 ? "bf16" : "f32";
    measured.activations = settings.activations == ActivationPolicy::Recompute ? "recompute" : "keep";
    return {};
}

Result<StepMeasurement> measureSteps(const TrainRequest& request, std::stop_token stop, const Emit& emit) {
    const PassingFolder folder;
    if (folder.path().empty())
        return fail(ErrorCode::Io, "No temporary folder can be made for the check", "Free some room on the disk, or set TMPDIR.");
    TrainRequest measured = request;
    measured.folder = folder.path().string();
    measured.resume = false;
    measured.validation = nullptr;
    resetPeakResidentBytes();
    StepMeasurement result;
    PauseToken pause;
    ATTUNE_CHECK(trainRun(measured, stop, pause, emit, &result));
    if (stop.stop_requested())
        return fail(ErrorCode::Cancelled, "The check was cancelled");
    return result;
}

} // namespace attune
