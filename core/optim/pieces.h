// What all optimizers share: parameters cut into pieces for the threads, the norm of all gradients, clipping, and the
// checked settings. Engine thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include "core/base/param_spec.h"
#include "core/base/result.h"
#include "core/nn/causal_lm.h"
#include "core/nn/kernels/dispatch.h"

namespace attune {

/// Elements [begin, begin + count) of a parameter. Pieces of equal size, so that many small adapters and one large
/// embedding spread over threads alike, and sums have the same order for any number of threads.
struct Piece {
    std::size_t parameter;
    std::int64_t begin, count;
};
constexpr std::int64_t kPieceElements = 1 << 16;

std::vector<Piece> piecesOf(const std::vector<Parameter*>& parameters);

/// Calls f(piece, its number), spread over threads.
template <class Pieces, class F>
void forPieces(const Pieces& pieces, F&& f) {
    at::parallel_for(0, static_cast<std::int64_t>(pieces.size()), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
            f(pieces[static_cast<std::size_t>(i)], static_cast<std::size_t>(i));
    });
}

/// Calls f(A{}, loops) with the arithmetic type of the masters, float or double.
template <class F>
void withOptimizerLoops(at::ScalarType master, F&& f) {
    if (master == at::kDouble)
        f(double{}, kernels::optimizerTable<double>(kernels::activeInstructionSet()));
    else
        f(float{}, kernels::optimizerTable<float>(kernels::activeInstructionSet()));
}

/// The optimizers' loops run on a CPU; elsewhere ATen does the same.
bool onCpu(const std::vector<Parameter*>& parameters);

/// L2 norm of all gradients together, summed in double.
double gradientNorm(const std::vector<Parameter*>& parameters);
/// What gradients of that norm are multiplied by (torch.nn.utils.clip_grad_norm_); most <= 0 switches clipping off.
double clipScale(double norm, double most);

/// A number among an optimizer's settings, shown in Expert depth.
ParamSpec optimizerNumber(std::string key, std::string label, std::string help, double value, double min, double max,
                          std::string ifTooHigh, std::string ifTooLow);
ParamSpec weightDecaySpec();
/// Type and range of everything given. Errors: InvalidArgument.
Status checkSettings(const ParamMap& params, const std::vector<ParamSpec>& specs);

} // namespace attune
