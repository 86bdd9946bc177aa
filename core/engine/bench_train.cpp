#include "core/engine/bench_train.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <numeric>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/base/rng.h"
#include "core/engine/bench_model.h"
#include "core/engine/bench_rows.h"
#include "core/engine/engine_catalog.h"
#include "core/engine/process_memory.h"
#include "core/methods/method.h"
#include "core/nn/bench_shapes.h"
#include "core/nn/pass_batch.h"
#include "core/nn/pass_buffers.h"
#include "core/objectives/objective.h"
#include "core/optim/optimizer.h"
#include "core/plan/estimate.h"

namespace attune {

namespace {

double median(std::vector<double> values) {
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
    return values[values.size() / 2];
}

struct Settings {
    std::string model, shape, method, optimizer;
    RowPacking packing;
    bool recompute = false;
    std::int64_t batch = 4, seq = 512, steps = 5;
};

Result<Settings> readSettings(const Json& options) {
    Settings settings;
    try {
        settings.model = options.value("model", "");
        settings.shape = options.value("shape", "135m");
        settings.method = options.value("method", "lora");
        settings.optimizer = options.value("optimizer", "adamw");
        settings.batch = options.value("batch", std::int64_t{4});
        settings.seq = options.value("seq", std::int64_t{512});
        settings.steps = options.value("steps", std::int64_t{5});
        settings.packing.microBatchTokens = options.value("micro_batch_tokens", std::int64_t{512});
        settings.packing.deviceBatch = options.value("device_batch", std::int64_t{8});
    } catch (const Json::exception& exception) {
        return fail(ErrorCode::InvalidArgument,
                    std::string("A benchmark option has the wrong type: ") + exception.what());
    }
    const std::string policy = options.value("policy", std::string("keep"));
    if (policy != "keep" && policy != "recompute")
        return fail(ErrorCode::InvalidArgument, "There is no policy \"" + policy + "\".", "Choose keep or recompute.");
    settings.recompute = policy == "recompute";
    ATTUNE_ASSIGN(settings.packing.layout, rowLayout(options.value("packing", std::string("packed"))));
    const auto inside = [](std::int64_t value, std::int64_t most) { return value >= 1 && value <= most; };
    if (!inside(settings.batch, 4096) || !inside(settings.seq, 1 << 17) || !inside(settings.steps, 10000) ||
        !inside(settings.packing.deviceBatch, 4096))
        return fail(ErrorCode::InvalidArgument, "Batch, seq, steps and the rows of a device must be positive and not absurdly large.",
                    "Choose a batch up to 4,096 rows, rows up to 131,072 tokens and up to 10,000 steps.");
    return settings;
}

// The largest of VmHWM over stretches of the benchmark that do what training does: not the measurement of the limit.
class PeakOfStretches {
public:
    void begin() const { resetPeakResidentBytes(); }
    void end() { m_peak = std::max(m_peak, peakResidentBytes()); }
    std::int64_t bytes() const { return m_peak; }

private:
    std::int64_t m_peak = 0;
};

Result<const OptimizerKind*> optimizerKind(const std::string& id) {
    std::string known;
    for (const OptimizerKind& kind : builtinOptimizers()) {
        if (kind.description.id == id)
            return &kind;
        known += (known.empty() ? "" : ", ") + kind.description.id;
    }
    return fail(ErrorCode::InvalidArgument, "There is no optimizer \"" + id + "\".", "Choose one of " + known + ".");
}

// What the estimate says for the micro-batches of a step; the benchmark's rows are not a prepared data set.
MemoryEstimate predictedMemory(const ModelConfig& model, const Settings& settings, std::int64_t typeBytes,
                               const PassShape& largest, std::int64_t residentBefore) {
    RunConfig config;
    config.method.id = settings.method;
    config.optimizer.id = settings.optimizer;
    PassShape shape = largest;
    shape.typeBytes = typeBytes;
    shape.recompute = settings.recompute;
    shape.threads = at::get_num_threads();
    return engineMemory(model, config, engineCatalog(), shape, residentBefore);
}

} // namespace

Result<Json> benchTrain(const Json& options, std::stop_token stop) {
    ATTUNE_ASSIGN(const Settings settings, readSettings(options));
    const Method* method = findMethod(settings.method);
    if (!method)
        return fail(ErrorCode::InvalidArgument, "There is no method \"" + settings.method + "\".",
                    "Choose lora, qlora or full.");
    ATTUNE_ASSIGN(const OptimizerKind* kind, optimizerKind(settings.optimizer));
    const Objective* objective = findObjective("sft");

    const std::int64_t residentBefore = inspectComputer().residentBytes;
    PeakOfStretches peak;
    ATTUNE_ASSIGN(const auto model, benchModel(options, stop));
    const std::int64_t loadedBytes = residentBytes(), loadPeakBytes = peakResidentBytes();
    const ModelConfig& config = model->config();
    const at::ScalarType type = model->settings().dtype;
    ATTUNE_CHECK(method->attach(*model, {}, 2));
    ATTUNE_ASSIGN(const auto optimizer, kind->make(model->trainable(), {}));
    peak.end();
    std::vector<double> gemmRates = {measureGemmRate(type)};
    TrainingPass pass(*model);
    pass.setActivationPolicy(settings.recompute ? ActivationPolicy::Recompute : ActivationPolicy::Keep);
    std::map<std::string, double> times;

    ATTUNE_ASSIGN(const std::vector<BenchRow> rows, benchRows(options, settings.batch, settings.seq, config.contextLength));

    Rng rng(3);
    std::vector<double> seconds;
    double loss = 0, flop = 0;
    std::int64_t tokens = 0, computedTokens = 0; // of the measured steps; computed: with padding
    std::vector<double> pageFaults;
    PassShape largest;
    std::size_t nextRow = 0;
    for (std::int64_t step = 0; step <= settings.steps && !stop.stop_requested(); ++step) {
        std::vector<BenchRow> stepRows;
        double windowTargets = 0;
        std::int64_t stepTokens = 0, stepComputed = 0;
        while (stepRows.size() < static_cast<std::size_t>(settings.batch)) {
            stepRows.push_back(rows[nextRow++ % rows.size()]);
            windowTargets += static_cast<double>(stepRows.back().targets);
            stepTokens += stepRows.back().tokens;
        }
        const auto batches =
            benchMicroBatches(stepRows, settings.packing, config.vocabularySize, rng);
        for (const PackedTokens& batch : batches) {
            largest.tokens = std::max(largest.tokens, batch.tokens());
            largest.targets = std::max<std::int64_t>(
                largest.targets, batch.tokens() - std::count(batch.targets.begin(), batch.targets.end(), -100));
        }
        if (step == 1)
            pass.collectTimes(&times);
        peak.begin();
        const std::int64_t faultsBefore = minorPageFaults();
        const auto begin = std::chrono::steady_clock::now();
        loss = 0;
        std::uint32_t microBatch = 0;
        for (const PackedTokens& batch : batches) {
            stepComputed += roundUp(batch.tokens(), kRowRound);
            ForwardOptions forward;
            forward.step = static_cast<std::uint64_t>(step);
            forward.microBatch = microBatch++;
            ATTUNE_ASSIGN(const ObjectiveOutput output,
                          objective->trainMicroBatch({pass, batch, forward, {.targets = windowTargets}}));
            loss += output.loss;
        }
        {
            const PartTimer timer(step > 0 ? &times : nullptr, "optimizer");
            optimizer->step(2e-4, 1.0);
            model->refreshComputeWeights();
        }
        const std::int64_t faults = minorPageFaults() - faultsBefore;
        peak.end();
        if (step > 0) {
            pageFaults.push_back(static_cast<double>(faults));
            seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
            tokens += stepTokens, computedTokens += stepComputed, flop += unavoidableFlop(*model, stepRows);
            gemmRates.push_back(
                measureGemmRate(type, 3)); // neighbours come and go: the limit is measured beside every step
        }
    }
    if (seconds.empty())
        return fail(ErrorCode::Cancelled, "The benchmark was stopped before its first step.", "Run it again.");
    // Steps over real rows differ in their work: then totals count, otherwise the median step.
    const double rate = median(gemmRates), steps = static_cast<double>(seconds.size());
    const double perStep = options.contains("rows") ? std::accumulate(seconds.begin(), seconds.end(), 0.0) / steps
                                                    : median(seconds);
    const MemoryEstimate predicted = predictedMemory(
        config, settings, static_cast<std::int64_t>(c10::elementSize(type)), largest, residentBefore);
    Json parts = Json::object();
    for (const auto& [part, total] : times)
        parts[part] = total / steps;
    return Json{{"model", settings.model.empty() ? settings.shape : settings.model},
                {"method", settings.method},
                {"dtype", type == at::kBFloat16 ? "bf16" : "f32"},
                {"policy", settings.recompute ? "recompute" : "keep"},
                {"batch", settings.batch},
                {"seq", options.contains("rows") ? Json(nullptr) : Json(settings.seq)},
                {"rows", rows.size()},
                {"packing", settings.packing.layout == RowLayout::Packed ? "packed" : "padded"},
                {"micro_batch_tokens", settings.packing.microBatchTokens},
                {"threads", at::get_num_threads()},
                {"tokens_per_second", static_cast<double>(tokens) / steps / perStep},
                {"seconds_per_step", perStep},
                {"optimizer", settings.optimizer},
                {"peak_bytes", peak.bytes()},
                {"predicted_peak_bytes", predicted.total()},
                {"loaded_bytes", loadedBytes},
                {"load_peak_bytes", loadPeakBytes},
                {"page_faults_per_step", median(pageFaults)},
                {"buffer_bytes", pass.bufferBytes()},
                {"gemm_gflops", rate / 1e9},
                {"limit_share", flop / steps / rate / perStep},
                {"padding_share", 1.0 - static_cast<double>(tokens) / static_cast<double>(computedTokens)},
                {"loss", loss},
                {"predicted_bytes",
                 {{"weights", predicted.weights},
                  {"gradients", predicted.gradients},
                  {"optimizer", predicted.optimizer},
                  {"activations", predicted.activations},
                  {"overhead", predicted.overhead}}},
                {"parts", parts}};
}

} // namespace attune
