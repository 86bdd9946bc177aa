// The fused operations of training on tensors: row loops of kernel_table.h spread over threads on a CPU, plain ATen
// (reference_ops.h) on other devices. T is the compute type of activations, A the arithmetic type (f32, f64 in f64
// models). Results depend on nothing but the inputs (each output element is summed in one fixed order, for any number
// of threads).
#pragma once

#include <cstdint>
#include <span>

#include <ATen/core/Tensor.h>

#include "core/model_files/model_config.h"

namespace attune::kernels {

struct NormArguments {
    NormKind kind = NormKind::RmsNorm;
    double epsilon = 1e-5;
    at::Tensor weight, bias; // [H] A; bias only for LayerNorm
};

/// x [T, H] A -> y [T, H] T (rows may have a stride); statistics [2, T] A (mean, 1 / deviation).
void normForward(const NormArguments& norm, const at::Tensor& x, const at::Tensor& y, const at::Tensor& statistics);
/// dx += gradient; dy [T, H] T.
void normBackward(const NormArguments& norm, const at::Tensor& dy, const at::Tensor& x, const at::Tensor& statistics,
                  const at::Tensor& dx);
/// Accumulates the gradients of weight and bias (undefined: skipped).
void normParameterGradients(const NormArguments& norm, const at::Tensor& dy, const at::Tensor& x,
                            const at::Tensor& statistics, const at::Tensor& dWeight, const at::Tensor& dBias);

/// sums [N] A += column sums of x [T, N] T.
void addColumnSums(const at::Tensor& x, const at::Tensor& sums);

/// gateUp [T, 2 I] (or [T, I] when not gated) -> y [T, I], rows of y may have a stride.
void activationForward(Activation activation, bool gated, const at::Tensor& gateUp, const at::Tensor& y);
/// Overwrites gateUp by its gradient and y by the activation's output.
void activationBackward(Activation activation, bool gated, const at::Tensor& gateUp, const at::Tensor& y,
                        const at::Tensor& dy);

/// Rotation of packed tokens; tensors undefined = none (learned positions).
struct Rotation {
    at::Tensor cosines, sines; // [positions, headDim / 2] A
    at::Tensor tableRow;       // [T] int32
};

/// qkv [T, (heads + 2 kvHeads) headDim] -> q [kvHeads, T, group, headDim] scaled, k and v [kvHeads, T, headDim].
void splitHeads(const at::Tensor& qkv, const Rotation& rotation, double scale, const at::Tensor& q, const at::Tensor& k,
                const at::Tensor& v);
/// The reverse for gradients: dq in T, dk and dv in A.
void mergeHeads(const at::Tensor& dq, const at::Tensor& dk, const at::Tensor& dv, const Rotation& rotation,
                double scale, const at::Tensor& dqkv);

/// y = x in another precision (A -> T), contiguous.
void narrowTo(const at::Tensor& x, const at::Tensor& y);
/// y [T, H] T = scale * x [T, H] A; rows of y may have a stride.
void narrowRows(const at::Tensor& x, const at::Tensor& y, double scale = 1.0);
/// y = scale * x, rows may have strides.
void scaledCopy(const at::Tensor& x, const at::Tensor& y, double scale);
/// y (+)= x * mask / (1 - p), the mask a pure function of (key, stream, element of x as if x were dense).
void dropout(const at::Tensor& x, const at::Tensor& y, bool accumulate, double p, std::uint64_t key,
             std::uint64_t stream);

/// x [T, H] A = table[ids] (+ positionTable[positionIds]); ids beyond the count of `ids` leave zero rows.
void embed(const at::Tensor& ids, const at::Tensor& table, const at::Tensor& positionIds,
           const at::Tensor& positionTable, const at::Tensor& x);
/// x [T, H] A += uniform noise of +-alpha / sqrt(length of the row * H), rows as rowStarts says; element (t, h) draws from
/// counter t * H + h of (key, stream).
void addEmbeddingNoise(std::span<const std::int32_t> rowStarts, double alpha, std::uint64_t key, std::uint64_t stream,
                       const at::Tensor& x);
/// gradient[ids[t]] += dx[t], in the order of t.
void addRowsAt(const at::Tensor& ids, const at::Tensor& dx, const at::Tensor& gradient);

/// Per row of logits [n, V]: logP[i] = z[target] - logSumExp(z), lse [n]; only the first `count` rows. facts [>= count, 4], if defined:
/// whether no other logit is larger (1 or 0), the entropy of p = softmax(z) in nats, the mean logit, log sum p^2.
void targetLogProbabilities(const at::Tensor& logits, const at::Tensor& targets, std::int64_t count,
                            const at::Tensor& logSumExp, const at::Tensor& logP, const at::Tensor& facts = {});
/// logits = gradient of sum_i weights[i] * (-logP[i]); rows from `count` on become zero. With softCap > 0 the logits have
/// been through softCap() and the gradient is that of what went in.
void crossEntropyGradient(const at::Tensor& logits, const at::Tensor& targets, std::int64_t count,
                          const at::Tensor& logSumExp, const at::Tensor& weights, double softCap = 0.0);
/// x = cap * tanh(x / cap), contiguous (Gemma 2).
void softCap(const at::Tensor& x, double cap);

} // namespace attune::kernels
