// First values of a model that is trained from nothing: counter-based, so that a tensor is the same alone and among others, for
// any number of threads.
#pragma once

#include <cstdint>
#include <string>

#include <ATen/core/Tensor.h>

namespace attune {

/// Normal(0, deviation) into a matrix, from a stream of its own.
void initializeNormal(at::Tensor tensor, std::uint64_t seed, std::uint64_t stream, float deviation);

/// Normal(0, 0.02) for matrices, those that write into the residual stream divided by sqrt(2 layers) as in GPT-2; ones for norm
/// weights, zeros for biases. `number`: which of the model's tensors it is, from 1 in the order of CausalLm::baseTensors.
void randomWeight(const std::string& name, const at::Tensor& tensor, std::int64_t layers, std::uint64_t seed, std::uint64_t number);

} // namespace attune
