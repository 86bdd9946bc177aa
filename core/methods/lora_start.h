// The first values of a LoRA adapter: drawn at random with no effect, or the largest singular values of the weight itself.
#pragma once

#include <cstdint>
#include <utility>

#include <ATen/core/Tensor.h>

namespace attune {

/// a [r, in] ~ U(-1/sqrt(in), 1/sqrt(in)), which is kaiming_uniform_(a = sqrt(5)), or with `gaussian` N(0, 1/r); part: a stream of
/// random numbers of its own.
void drawLoraA(const at::Tensor& a, bool gaussian, std::uint64_t seed, std::uint64_t part);

/// a [r, in] = (X Q_0)^T / 10 and b [out, r] = Y Q_1 / 10, X and Y standard normal, Q_0 and Q_1 every other row of an orthonormal [r, r], as PEFT's
/// "orthogonal": neither is zero and b a = 0. r even. Throws what ATen throws.
void drawOrthogonal(const at::Tensor& a, const at::Tensor& b, std::uint64_t seed, std::uint64_t part);

/// OLoRA (Bueyuekakyuez 2024): a [r, in] and b [out, r], the first r rows and columns of weight = Q R, so that scale * b a is taken off the
/// weight as PEFT does it. r <= min(out, in). Throws what ATen throws.
std::pair<at::Tensor, at::Tensor> orthonormalPart(const at::Tensor& weight, std::int64_t rank);

/// PiSSA (Meng et al. 2024): a [r, in] and b [out, r] with scale * b a = the part of `weight` (f32 or f64) with the r largest
/// singular values, shared evenly between both. `fast`: by four rounds of subspace iteration instead of the whole decomposition.
/// r <= min(out, in). Throws what ATen throws.
std::pair<at::Tensor, at::Tensor> principalPart(const at::Tensor& weight, std::int64_t rank, double scale, bool fast,
                                                std::uint64_t seed, std::uint64_t part);

} // namespace attune
