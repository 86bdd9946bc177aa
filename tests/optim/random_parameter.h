// Parameters of given shapes with normal values and gradients, for the optimizers' tests.
#pragma once

#include <string>
#include <vector>

#include <ATen/ATen.h>

#include "core/base/rng.h"
#include "core/nn/causal_lm.h"

namespace attune::test {

inline void fillNormal(at::Tensor tensor, Rng& rng, double deviation) {
    at::Tensor host = at::empty(tensor.sizes(), at::kDouble);
    double* values = host.data_ptr<double>();
    for (std::int64_t i = 0; i < host.numel(); ++i)
        values[i] = deviation * rng.normal();
    tensor.copy_(host);
}

inline Parameter randomParameter(const std::string& name, const std::vector<std::int64_t>& shape, bool decay,
                                 at::ScalarType type, std::uint64_t seed) {
    Parameter result;
    result.name = name;
    result.decay = decay;
    result.value = at::empty(shape, at::TensorOptions().dtype(type));
    Rng rng(seed);
    fillNormal(result.value, rng, 1.0);
    result.grad = at::zeros_like(result.value);
    return result;
}

inline std::vector<double> doubles(const at::Tensor& tensor) {
    const at::Tensor host = tensor.to(at::kDouble).contiguous();
    const double* values = host.data_ptr<double>();
    return {values, values + host.numel()};
}

/// Norm over all gradients, in double.
inline double normOf(const std::vector<Parameter*>& parameters) {
    double squares = 0;
    for (const Parameter* parameter : parameters)
        for (const double g : doubles(parameter->grad))
            squares += g * g;
    return std::sqrt(squares);
}

} // namespace attune::test
