#include "core/engine/bench_generate.h"

#include <algorithm>
#include <chrono>

#include <ATen/ATen.h>

#include "core/base/rng.h"
#include "core/engine/bench_model.h"
#include "core/engine/process_memory.h"
#include "core/nn/bench_shapes.h"
#include "core/nn/decoder.h"

namespace attune {

namespace {

using Clock = std::chrono::steady_clock;
double secondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Bytes a second that a large tensor can be read at: what decoding one token after the other is bound by.
double memoryRate() {
    const at::Tensor data = at::ones({std::int64_t{64} << 20}, at::kFloat); // 256 MB, far beyond the caches
    double best = 1e30;
    for (int round = 0; round < 5; ++round) {
        const auto start = Clock::now();
        const volatile float sum = data.sum().item<float>();
        (void)sum;
        best = std::min(best, secondsSince(start));
    }
    return static_cast<double>(data.nbytes()) / best;
}

// What a pass over several tokens of one sequence costs, in passes over one token: what decides whether guesses pay.
Result<Json> passCosts(Decoder& decoder) {
    Json costs = Json::object();
    const std::vector<std::int64_t> lengths = decoder.lengths();
    std::vector<std::size_t> counts{1, 2, 4, 8};
    std::erase_if(counts, [&](std::size_t count) { return static_cast<std::int64_t>(count) > decoder.mostTokensAtOnce(); });
    std::vector<std::vector<double>> seconds(counts.size());
    constexpr int kRounds = 15;
    for (int round = 0; round < kRounds; ++round)
        for (std::size_t i = 0; i < counts.size(); ++i) {
            const std::vector<std::vector<std::int64_t>> tokens{std::vector<std::int64_t>(counts[i], 5)};
            const auto start = Clock::now();
            ATTUNE_CHECK(decoder.steps(tokens));
            seconds[i].push_back(secondsSince(start));
            decoder.shorten(lengths);
        }
    for (std::size_t i = 0; i < counts.size(); ++i) {
        for (std::vector<double>* some : {&seconds[0], &seconds[i]})
            std::sort(some->begin(), some->end());
        costs[std::to_string(counts[i])] = seconds[i][kRounds / 2] / seconds[0][kRounds / 2];
    }
    return costs;
}

} // namespace

Result<Json> benchGenerate(const Json& options, std::stop_token stop) {
    const auto batch = options.value("batch", std::int64_t{1}), length = options.value("seq", std::int64_t{512});
    const auto tokens = options.value("tokens", std::int64_t{128});
    if (batch < 1 || length < 1 || tokens < 1)
        return fail(ErrorCode::InvalidArgument, "batch, seq and tokens must be at least 1", "Correct the options.");

    const bool eightBit = options.value("dtype", std::string("bf16")) == "int8";
    Json modelOptions = options;
    if (eightBit) // weights in 8 bits for decoding; prefill and activations in bf16
        modelOptions["dtype"] = "bf16";
    ATTUNE_ASSIGN(const auto model, benchModel(modelOptions, stop));
    const ModelConfig& config = model->config();
    const double gemm = measureGemmRate(model->settings().dtype), memory = memoryRate();

    Rng rng(7);
    std::vector<std::vector<std::int64_t>> prompts(static_cast<std::size_t>(batch));
    for (auto& prompt : prompts) {
        for (std::int64_t i = 0; i < length; ++i)
            prompt.push_back(static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(config.vocabularySize))));
    }
    Decoder decoder(*model, eightBit ? DecodePrecision::EightBit : DecodePrecision::AsStored);
    ATTUNE_CHECK(decoder.prefill(prompts, tokens)); // warms caches and buffers
    const auto prefillStart = Clock::now();
    ATTUNE_CHECK(decoder.prefill(prompts, tokens));
    const double prefillSeconds = secondsSince(prefillStart);

    const std::vector<std::int64_t> next(prompts.size(), 5);
    const auto decodeStart = Clock::now();
    std::int64_t steps = 0;
    for (; steps < tokens && !stop.stop_requested(); ++steps)
        ATTUNE_CHECK(decoder.step(next));
    const double decodeSeconds = secondsSince(decodeStart);
    if (steps == 0)
        return fail(ErrorCode::Cancelled, "The benchmark was cancelled");

    // 8 bits: a code for each weight and a scale for 64 of them.
    const double element = eightBit ? 1.0 + 4.0 / 64.0 : static_cast<double>(model->head.compute.element_size());
    const auto read = static_cast<double>(config.activeLinearParameters() + config.vocabularySize * config.hiddenSize) * element;
    const double prefillTokens = static_cast<double>(batch * length);
    // Products of the blocks for every token, of the head for the last one, and attention's two triangles.
    const double prefillFlop = 2.0 * static_cast<double>(config.activeLinearParameters()) * prefillTokens +
                               2.0 * static_cast<double>(config.vocabularySize * config.hiddenSize * batch) +
                               2.0 * static_cast<double>(config.layers * config.queryWidth()) * static_cast<double>(length) * prefillTokens;
    const double stepsPerSecond = static_cast<double>(steps) / decodeSeconds;
    Json result{{"dtype", options.value("dtype", std::string("bf16"))},
                {"batch", batch},
                {"seq", length},
                {"tokens", steps},
                {"tokens_per_second", stepsPerSecond * static_cast<double>(batch)},
                {"prefill_tokens_per_second", prefillTokens / prefillSeconds},
                {"prefill_limit_share", prefillFlop / prefillSeconds / gemm},
                {"limit_share", stepsPerSecond * read / memory},
                {"gemm_gflops", gemm / 1e9},
                {"memory_gbytes_per_second", memory / 1e9},
                {"peak_bytes", peakResidentBytes()}};
    if (batch == 1 && decoder.lengths()[0] + 8 <= config.contextLength) {
        ATTUNE_ASSIGN(const Json costs, passCosts(decoder));
        result["pass_costs"] = costs;
    }
    return result;
}

} // namespace attune
