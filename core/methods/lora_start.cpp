#include "core/methods/lora_start.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/base/rng.h"

namespace attune {

void drawLoraA(const at::Tensor& a, bool gaussian, std::uint64_t seed, std::uint64_t part) {
    Rng rng(seed, 0x4c4f524100000000ull + part); // a stream of its own ("LORA") for each part
    const double bound = 1.0 / std::sqrt(static_cast<double>(a.size(1)));
    const double deviation = 1.0 / static_cast<double>(a.size(0));
    at::Tensor host = at::empty(a.sizes(), at::kDouble);
    double* values = host.data_ptr<double>();
    for (std::int64_t i = 0; i < host.numel(); ++i)
        values[i] = gaussian ? rng.normal() * deviation : (2.0 * rng.uniform() - 1.0) * bound;
    at::Tensor(a).copy_(host);
}

void drawOrthogonal(const at::Tensor& a, const at::Tensor& b, std::uint64_t seed, std::uint64_t part) {
    at::NoGradGuard noGrad;
    Rng rng(seed, 0x4f5254484f474f4eull ^ part); // "ORTHOGON"
    const auto normal = [&](std::int64_t rows, std::int64_t columns) {
        const at::Tensor drawn = at::empty({rows, columns}, at::kDouble);
        for (std::int64_t i = 0; i < drawn.numel(); ++i)
            drawn.data_ptr<double>()[i] = rng.normal();
        return drawn;
    };
    const std::int64_t rank = a.size(0), half = rank / 2;
    const at::Tensor q = std::get<0>(at::linalg_qr(normal(rank, rank)));
    at::Tensor(a).copy_(at::mm(normal(a.size(1), half), q.slice(0, 0, rank, 2)).t() / 10.0);
    at::Tensor(b).copy_(at::mm(normal(b.size(0), half), q.slice(0, 1, rank, 2)) / 10.0);
}

std::pair<at::Tensor, at::Tensor> orthonormalPart(const at::Tensor& weight, std::int64_t rank) {
    at::NoGradGuard noGrad;
    const auto [q, r] = at::linalg_qr(weight);
    return {r.narrow(0, 0, rank).contiguous(), q.narrow(1, 0, rank).contiguous()};
}

std::pair<at::Tensor, at::Tensor> principalPart(const at::Tensor& weight, std::int64_t rank, double scale, bool fast,
                                                std::uint64_t seed, std::uint64_t part) {
    at::NoGradGuard noGrad;
    at::Tensor u, s, v;
    if (fast) { // Halko, Martinsson, Tropp 2011, algorithm 4.4
        constexpr int kRounds = 4, kMore = 8;
        const std::int64_t width = std::min({rank + kMore, weight.size(0), weight.size(1)});
        Rng rng(seed, 0x5049535300000000ull + part); // "PISS"
        at::Tensor directions = at::empty({weight.size(1), width}, at::kDouble);
        for (std::int64_t i = 0; i < directions.numel(); ++i)
            directions.data_ptr<double>()[i] = rng.normal();
        at::Tensor q = std::get<0>(at::linalg_qr(at::mm(weight, directions.to(weight.options()))));
        for (int round = 0; round < kRounds; ++round) {
            q = std::get<0>(at::linalg_qr(at::mm(weight.t(), q)));
            q = std::get<0>(at::linalg_qr(at::mm(weight, q)));
        }
        std::tie(u, s, v) = at::linalg_svd(at::mm(q.t(), weight), false);
        u = at::mm(q, u);
    } else {
        std::tie(u, s, v) = at::linalg_svd(weight, false);
    }
    const at::Tensor root = (s.narrow(0, 0, rank) / scale).sqrt();
    return {(root.unsqueeze(1) * v.narrow(0, 0, rank)).contiguous(), (u.narrow(1, 0, rank) * root).contiguous()};
}

} // namespace attune
