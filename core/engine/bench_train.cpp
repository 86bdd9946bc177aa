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
#include "core/engine/process_memory.h"
#include "core/methods/method.h"
#include "core/nn/bench_shapes.h"
#include "core/nn/pass_batch.h"
#include "core/nn/pass_buffers.h"
#include "core/objectives/objective.h"
#include "core/optim/optimizer.h"

namespace attune {

namespace {

double median(std::vector<double> values) {
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
    return values[values.size() / 2];
}

struct Settings {
    std::string model, shape, method;
    RowLayout layout = RowLayout::Packed;
    bool recompute = false;
    std::int64_t batch = 4, seq = 512, steps = 5, microBatchTokens = 512;
};

Result<Settings> readSettings(const Json& options) {
    Settings settings;
    try {
        settings.model = options.value("model", "");
        settings.shape = options.value("shape", "135m");
        settings.method = options.value("method", "lora");
        settings.batch = options.value("batch", std::int64_t{4});
        settings.seq = options.value("seq", std::int64_t{512});
        settings.steps = options.value("steps", std::int64_t{5});
        settings.microBatchTokens = options.value("micro_batch_tokens", std::int64_t{512});
    } catch (const Json::exception& exception) {
        return fail(ErrorCode::InvalidArgument,
                    std::string("A benchmark option has the wrong type: ") + exception.what());
    }
    const std::string policy = options.value("policy", std::string("keep"));
    if (policy != "keep" && policy != "recompute")
        return fail(ErrorCode::InvalidArgument, "There is no policy \"" + policy + "\".", "Choose keep or recompute.");
    settings.recompute = policy == "recompute";
    ATTUNE_ASSIGN(settings.layout, rowLayout(options.value("packing", std::string("packed"))));
    const auto inside = [](std::int64_t value, std::int64_t most) { return value >= 1 && value <= most; };
    if (!inside(settings.batch, 4096) || !inside(settings.seq, 1 << 17) || !inside(settings.steps, 10000))
        return fail(ErrorCode::InvalidArgument, "Batch, seq and steps must be positive and not absurdly large.",
                    "Choose a batch up to 4,096 rows, rows up to 131,072 tokens and up to 10,000 steps.");
    return settings;
}

} // namespace

Result<Json> benchTrain(const Json& options, std::stop_token stop) {
    ATTUNE_ASSIGN(const Settings settings, readSettings(options));
    const Method* method = findMethod(settings.method);
    if (!method)
        return fail(ErrorCode::InvalidArgument, "There is no method \"" + settings.method + "\".",
                    "Choose lora or full.");
    const Objective* objective = findObjective("sft");

    ATTUNE_ASSIGN(const auto model, benchModel(options, stop));
    const ModelConfig& config = model->config();
    const at::ScalarType type = model->settings().dtype;
    std::vector<double> gemmRates = {measureGemmRate(type)};
    ATTUNE_CHECK(method->attach(*model, {}, 2));
    ATTUNE_ASSIGN(const auto optimizer, builtinOptimizers().front().make(model->trainable(), {}));
    TrainingPass pass(*model);
    pass.setActivationPolicy(settings.recompute ? ActivationPolicy::Recompute : ActivationPolicy::Keep);
    std::map<std::string, double> times;

    ATTUNE_ASSIGN(const std::vector<BenchRow> rows, benchRows(options, settings.batch, settings.seq, config.contextLength));

    Rng rng(3);
    std::vector<double> seconds;
    double loss = 0, flop = 0;
    std::int64_t tokens = 0, computedTokens = 0; // of the measured steps; computed: with padding
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
            benchMicroBatches(stepRows, settings.layout, settings.microBatchTokens, config.vocabularySize, rng);
        if (step == 1)
            pass.collectTimes(&times);
        const auto begin = std::chrono::steady_clock::now();
        loss = 0;
        std::uint32_t microBatch = 0;
        for (const PackedTokens& batch : batches) {
            stepComputed += roundUp(batch.tokens(), kRowRound);
            ForwardOptions forward;
            forward.step = static_cast<std::uint64_t>(step);
            forward.microBatch = microBatch++;
            ATTUNE_ASSIGN(const ObjectiveOutput output,
                          objective->trainMicroBatch({pass, batch, forward, windowTargets}));
            loss += output.lossSum / std::max(1.0, windowTargets);
        }
        {
            const PartTimer timer(step > 0 ? &times : nullptr, "optimizer");
            optimizer->step(2e-4, 1.0);
            model->refreshComputeWeights();
        }
        if (step > 0) {
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
                {"packing", settings.layout == RowLayout::Packed ? "packed" : "padded"},
                {"micro_batch_tokens", settings.microBatchTokens},
                {"threads", at::get_num_threads()},
                {"tokens_per_second", static_cast<double>(tokens) / steps / perStep},
                {"seconds_per_step", perStep},
                {"peak_bytes", peakResidentBytes()},
                {"buffer_bytes", pass.bufferBytes()},
                {"gemm_gflops", rate / 1e9},
                {"limit_share", flop / steps / rate / perStep},
                {"padding_share", 1.0 - static_cast<double>(tokens) / static_cast<double>(computedTokens)},
                {"loss", loss},
                {"parts", parts}};
}

} // namespace attune
