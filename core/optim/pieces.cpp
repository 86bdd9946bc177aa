#include "core/optim/pieces.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "core/plan/param_check.h"

namespace attune {

std::vector<Piece> piecesOf(const std::vector<Parameter*>& parameters) {
    std::vector<Piece> pieces;
    for (std::size_t i = 0; i < parameters.size(); ++i)
        for (std::int64_t begin = 0; begin < parameters[i]->value.numel(); begin += kPieceElements)
            pieces.push_back({i, begin, std::min(kPieceElements, parameters[i]->value.numel() - begin)});
    return pieces;
}

bool onCpu(const std::vector<Parameter*>& parameters) {
    return parameters.empty() || parameters.front()->grad.is_cpu();
}

double gradientNorm(const std::vector<Parameter*>& parameters) {
    double sum = 0;
    if (!onCpu(parameters)) {
        for (const Parameter* parameter : parameters)
            sum += parameter->grad.to(at::kDouble).square().sum().item<double>();
        return std::sqrt(sum);
    }
    const std::vector<Piece> pieces = piecesOf(parameters);
    std::vector<double> sums(pieces.size());
    forPieces(pieces, [&](const Piece& piece, std::size_t i) {
        const at::Tensor& gradient = parameters[piece.parameter]->grad;
        withOptimizerLoops(gradient.scalar_type(), [&]<class A>(A, const auto& loops) {
            sums[i] = loops.sumOfSquares(kernels::dataOf<A>(gradient) + piece.begin, piece.count);
        });
    });
    for (const double part : sums)
        sum += part;
    return std::sqrt(sum);
}

double clipScale(double norm, double most) {
    return most > 0.0 ? std::min(1.0, most / (norm + 1e-6)) : 1.0;
}

ParamSpec optimizerNumber(std::string key, std::string label, std::string help, double value, double min, double max,
                          std::string ifTooHigh, std::string ifTooLow) {
    ParamSpec spec;
    spec.key = std::move(key);
    spec.label = std::move(label);
    spec.help = std::move(help);
    spec.defaultValue = value;
    spec.min = min;
    spec.max = max;
    spec.ifTooHigh = std::move(ifTooHigh);
    spec.ifTooLow = std::move(ifTooLow);
    spec.advanced = true;
    return spec;
}

ParamSpec weightDecaySpec() {
    return optimizerNumber("weight_decay", "Weight decay",
                           "Pulls weights towards zero a little in every step; norms and biases are left out.", 0.0, 0.0,
                           1.0, "The model underfits and forgets.",
                           "More freedom, with little data also more overfitting.");
}

Status checkSettings(const ParamMap& params, const std::vector<ParamSpec>& specs) {
    for (const ParamSpec& spec : specs)
        if (const auto given = params.find(spec.key); given != params.end())
            ATTUNE_CHECK(checkParam(spec, given->second, spec.label + " (" + spec.key + ")"));
    return {};
}

} // namespace attune
