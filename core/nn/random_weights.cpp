#include "core/nn/random_weights.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/base/rng.h"

namespace attune {

namespace {

// Four normals of one counter (Box-Muller), so that element i is the same for any number of threads.
void fillNormal(float* values, std::int64_t begin, std::int64_t end, std::uint64_t seed, std::uint64_t stream,
                float deviation) {
    for (std::int64_t block = begin / 4; block * 4 < end; ++block) {
        const auto words = philox(seed, stream, static_cast<std::uint64_t>(block));
        for (std::int64_t pair = 0; pair < 2; ++pair) {
            const float u = (static_cast<float>(words[2 * pair] >> 8) + 1.0f) * 0x1.0p-24f; // (0, 1]
            const float angle =
                static_cast<float>(words[2 * pair + 1] >> 8) * 0x1.0p-24f * 2.0f * std::numbers::pi_v<float>;
            const float radius = deviation * std::sqrt(-2.0f * std::log(u));
            const std::int64_t i = block * 4 + pair * 2;
            if (i >= begin && i < end)
                values[i - begin] = radius * std::cos(angle);
            if (i + 1 >= begin && i + 1 < end)
                values[i + 1 - begin] = radius * std::sin(angle);
        }
    }
}

} // namespace

void initializeNormal(at::Tensor tensor, std::uint64_t seed, std::uint64_t stream, float deviation) {
    const std::int64_t rows = tensor.size(0), columns = tensor.size(1);
    constexpr std::int64_t kRowsAtOnce = 1024; // a small f32 staging area instead of a second copy of the tensor
    at::Tensor staging = at::empty({std::min(rows, kRowsAtOnce), columns}, at::kFloat);
    for (std::int64_t row = 0; row < rows; row += kRowsAtOnce) {
        const std::int64_t count = std::min(kRowsAtOnce, rows - row);
        float* data = staging.data_ptr<float>();
        at::parallel_for(0, count * columns, 16384, [&](std::int64_t begin, std::int64_t end) {
            fillNormal(data + begin, row * columns + begin, row * columns + end, seed, stream, deviation);
        });
        tensor.narrow(0, row, count).copy_(staging.narrow(0, 0, count));
    }
}

void randomWeight(const std::string& name, const at::Tensor& tensor, std::int64_t layers, std::uint64_t seed, std::uint64_t number) {
    constexpr std::uint64_t kStream = 0x494e495400000000ull; // "INIT"
    const bool writesResidual = name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight");
    if (tensor.dim() == 2)
        initializeNormal(tensor, seed, kStream + number, writesResidual ? 0.02f / std::sqrt(2.0f * static_cast<float>(layers)) : 0.02f);
    else
        tensor.fill_(name.ends_with(".bias") ? 0.0 : 1.0);
}

} // namespace attune
