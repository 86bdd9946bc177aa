#include "core/nn/bench_shapes.h"

#include <algorithm>
#include <chrono>
#include <string>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/nn/kernels/matmul.h"

namespace attune {

namespace {

ModelConfig llama(std::int64_t hidden, std::int64_t layers, std::int64_t heads, std::int64_t kvHeads,
                  std::int64_t intermediate, std::int64_t vocabulary, bool tied, double theta) {
    ModelConfig config;
    config.architecture = "LlamaForCausalLM";
    config.familyId = "llama";
    config.hiddenSize = hidden, config.layers = layers, config.heads = heads, config.kvHeads = kvHeads;
    config.headDim = hidden / heads;
    config.intermediateSize = intermediate, config.vocabularySize = vocabulary, config.tiedHead = tied;
    config.rope.theta = theta;
    config.contextLength = 8192;
    return config;
}

} // namespace

Result<ModelConfig> benchShape(std::string_view name) {
    if (name == "15m")
        return llama(288, 6, 6, 6, 768, 32000, true, 1e4);
    if (name == "135m")
        return llama(576, 30, 9, 3, 1536, 49152, true, 1e5);
    if (name == "360m")
        return llama(960, 32, 15, 5, 2560, 49152, true, 1e5);
    if (name == "1b")
        return llama(2048, 16, 32, 8, 8192, 128256, true, 5e5);
    if (name == "7b")
        return llama(4096, 32, 32, 32, 11008, 32000, false, 1e4);
    return fail(ErrorCode::InvalidArgument, "There is no shape \"" + std::string(name) + "\".",
                "Choose 15m, 135m, 360m, 1b or 7b.");
}

double measureGemmRate(at::ScalarType type, int runs) {
    constexpr std::int64_t kSide = 2048;
    at::NoGradGuard noGrad;
    const at::Tensor a = at::randn({kSide, kSide}).to(type), b = at::randn({kSide, kSide}).to(type);
    at::Tensor c = at::empty({kSide, kSide}, a.options());
    const auto rateOf = [&](auto&& product) {
        std::vector<double> rates;
        product(); // warms up
        for (int run = 0; run < runs; ++run) {
            const auto begin = std::chrono::steady_clock::now();
            product();
            rates.push_back(2.0 * kSide * kSide * kSide /
                            std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
        }
        std::nth_element(rates.begin(), rates.begin() + runs / 2, rates.end());
        return rates[static_cast<std::size_t>(runs / 2)];
    };
    // Whichever library is faster here: a BLAS tuned for another CPU must not lower the limit.
    return std::max(rateOf([&] { at::mm_out(c, a, b); }), rateOf([&] { kernels::multiply(c, a, b); }));
}

} // namespace attune
