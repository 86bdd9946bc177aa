#include "core/engine/bench_train.h"

#include <algorithm>
#include <chrono>
#include <map>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/base/rng.h"
#include "core/engine/bench_model.h"
#include "core/engine/process_memory.h"
#include "core/methods/method.h"
#include "core/nn/bench_shapes.h"
#include "core/nn/pass_buffers.h"
#include "core/objectives/objective.h"
#include "core/optim/optimizer.h"

namespace attune {

namespace {

// performance.md, section 1: forward 2 N and backward 2 N of every weight a product reads, 2 N more where a weight is
// trained, and attention's two products over the causal half. Recomputation is not credited.
double flopPerToken(CausalLm& model, std::int64_t seq) {
    const ModelConfig& config = model.config();
    double adapters = 0;
    bool full = false;
    for (const LinearPart* part : model.linearParts())
        if (part->lora)
            adapters += static_cast<double>(part->lora->a.value.numel() + part->lora->b.value.numel());
    full = model.embedding.trained != nullptr;
    const double weights = static_cast<double>(config.linearParameters() + config.vocabularySize * config.hiddenSize);
    const double attention = 3.0 * 4.0 * 0.5 * static_cast<double>(seq * config.queryWidth() * config.layers);
    return (full ? 6.0 : 4.0) * weights + 6.0 * adapters + attention;
}

PackedTokens randomRows(const ModelConfig& config, std::int64_t rows, std::int64_t seq, Rng& rng) {
    PackedTokens batch;
    batch.rowStarts.push_back(0);
    for (std::int64_t row = 0; row < rows; ++row) {
        for (std::int64_t t = 0; t < seq; ++t)
            batch.ids.push_back(
                static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(config.vocabularySize))));
        for (std::int64_t t = 0; t < seq; ++t)
            batch.targets.push_back(t + 1 < seq ? batch.ids[batch.ids.size() - static_cast<std::size_t>(seq - t) + 1]
                                                : -100);
        batch.rowStarts.push_back(static_cast<std::int32_t>(batch.ids.size()));
    }
    return batch;
}

double median(std::vector<double> values) {
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
    return values[values.size() / 2];
}

struct Settings {
    std::string model, shape, method;
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
    const auto inside = [](std::int64_t value, std::int64_t most) { return value >= 1 && value <= most; };
    if (!inside(settings.batch, 4096) || !inside(settings.seq, 1 << 17) || !inside(settings.steps, 10000))
        return fail(ErrorCode::InvalidArgument, "Batch, seq and steps must be positive and not absurdly large.");
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
    std::map<std::string, double> times;

    Rng rng(3);
    const std::int64_t rowsAtOnce = std::max<std::int64_t>(1, settings.microBatchTokens / settings.seq);
    std::vector<double> seconds;
    double loss = 0;
    for (std::int64_t step = 0; step <= settings.steps && !stop.stop_requested(); ++step) {
        if (step == 1)
            pass.collectTimes(&times);
        const auto begin = std::chrono::steady_clock::now();
        loss = 0;
        const double windowTargets = static_cast<double>(settings.batch * (settings.seq - 1));
        std::uint32_t microBatch = 0;
        for (std::int64_t row = 0; row < settings.batch; row += rowsAtOnce) {
            const PackedTokens batch =
                randomRows(config, std::min(rowsAtOnce, settings.batch - row), settings.seq, rng);
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
            gemmRates.push_back(
                measureGemmRate(type, 3)); // neighbours come and go: the limit is measured beside every step
        }
    }
    if (seconds.empty())
        return fail(ErrorCode::Cancelled, "The benchmark was stopped.");
    const double rate = median(gemmRates), perStep = median(seconds);
    const double tokens = static_cast<double>(settings.batch * settings.seq);
    Json parts = Json::object();
    for (const auto& [part, total] : times)
        parts[part] = total / static_cast<double>(seconds.size());
    return Json{{"model", settings.model.empty() ? settings.shape : settings.model},
                {"method", settings.method},
                {"dtype", type == at::kBFloat16 ? "bf16" : "f32"},
                {"batch", settings.batch},
                {"seq", settings.seq},
                {"threads", at::get_num_threads()},
                {"tokens_per_second", tokens / perStep},
                {"seconds_per_step", perStep},
                {"peak_bytes", peakResidentBytes()},
                {"buffer_bytes", pass.bufferBytes()},
                {"gemm_gflops", rate / 1e9},
                {"limit_share", tokens * flopPerToken(*model, settings.seq) / rate / perStep},
                {"loss", loss},
                {"parts", parts}};
}

} // namespace attune
