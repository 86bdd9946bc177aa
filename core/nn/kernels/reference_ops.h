// The operations of ops.h in plain ATen: what other devices than the CPU run, and what the fused loops are tested
// against.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "core/nn/kernels/ops.h"

namespace attune::kernels::reference {

/// bf16 is only storage: the reference computes in f32 (other types stay as they are).
at::Tensor wide(const at::Tensor& x);

void normForward(const NormArguments& norm, const at::Tensor& x, const at::Tensor& y, const at::Tensor& statistics);

void normBackward(const NormArguments& norm, const at::Tensor& dy, const at::Tensor& x, const at::Tensor& statistics,
                  const at::Tensor& dx);

void normParameterGradients(const NormArguments& norm, const at::Tensor& dy, const at::Tensor& x,
                            const at::Tensor& statistics, const at::Tensor& dWeight, const at::Tensor& dBias);

void addColumnSums(const at::Tensor& x, const at::Tensor& sums);

void activationForward(Activation activation, bool gated, const at::Tensor& gateUp, const at::Tensor& y);

void activationBackward(Activation activation, bool gated, const at::Tensor& gateUp, const at::Tensor& y,
                        const at::Tensor& dy);

void splitHeads(const at::Tensor& qkv, const Rotation& rotation, double scale, const at::Tensor& q, const at::Tensor& k,
                const at::Tensor& v);

void mergeHeads(const at::Tensor& dq, const at::Tensor& dk, const at::Tensor& dv, const Rotation& rotation,
                double scale, const at::Tensor& dqkv);

void narrowTo(const at::Tensor& x, const at::Tensor& y);
void narrowRows(const at::Tensor& x, const at::Tensor& y, double scale);
void softCap(const at::Tensor& x, double cap);

void scaledCopy(const at::Tensor& x, const at::Tensor& y, double scale);

void dropout(const at::Tensor& x, const at::Tensor& y, bool accumulate, double p, std::uint64_t key,
             std::uint64_t stream);

void embed(const at::Tensor& ids, const at::Tensor& table, const at::Tensor& positionIds,
           const at::Tensor& positionTable, const at::Tensor& x);

void addRowsAt(const at::Tensor& ids, const at::Tensor& dx, const at::Tensor& gradient);

void targetLogProbabilities(const at::Tensor& logits, const at::Tensor& targets, std::int64_t count,
                            const at::Tensor& logSumExp, const at::Tensor& logP, const at::Tensor& facts = {});

void crossEntropyGradient(const at::Tensor& logits, const at::Tensor& targets, std::int64_t count,
                          const at::Tensor& logSumExp, const at::Tensor& weights, double softCap = 0.0);

} // namespace attune::kernels::reference
