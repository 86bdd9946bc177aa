#include "core/base/rng.h"

#include <cmath>
#include <numbers>
#include <numeric>

namespace attune {

double Rng::normal() {
    const double u = 1.0 - uniform(); // (0, 1]: the logarithm stays finite
    const double v = uniform();
    return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
}

std::vector<std::uint32_t> permutation(std::uint32_t n, std::uint64_t seed, std::uint64_t epoch) {
    std::vector<std::uint32_t> order(n);
    std::iota(order.begin(), order.end(), 0u);
    Rng rng(seed, 0x5045524d00000000ull ^ epoch); // a stream of its own ("PERM")
    for (std::uint32_t i = n; i > 1; --i)
        std::swap(order[i - 1], order[rng.below(i)]);
    return order;
}

} // namespace attune
