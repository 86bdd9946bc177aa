#include "core/optim/lion.h"

#include <ATen/ATen.h>

#include "core/plan/catalog.h"

namespace attune {

namespace {

void lionWithAten(Parameter& parameter, at::Tensor average, const kernels::LionStep& step) {
    const at::Tensor g = parameter.grad * step.gradientScale;
    const at::Tensor direction = (average * step.beta1).add_(g, 1.0 - step.beta1).sign_();
    average.mul_(step.beta2).add_(g, 1.0 - step.beta2);
    parameter.value.mul_(1.0 - step.learningRate * step.weightDecay).add_(direction, -step.learningRate);
    parameter.grad.zero_();
}

std::vector<ParamSpec> lionParams() {
    return {
        optimizerNumber("lion_beta1", "Beta 1", "How much of the direction comes from earlier gradients.", 0.9, 0.0,
                        0.9999, "The direction reacts slowly to new data.", "Steps follow the noise of single batches."),
        optimizerNumber("lion_beta2", "Beta 2", "How long the average of gradients remembers.", 0.99, 0.0, 0.9999,
                        "The direction reacts slowly to new data.", "Earlier batches are soon forgotten."),
        weightDecaySpec(),
    };
}

Result<LionOptions> lionOptions(const ParamMap& params) {
    const std::vector<ParamSpec> specs = lionParams();
    ATTUNE_CHECK(checkSettings(params, specs));
    return LionOptions{paramDouble(params, specs, "lion_beta1"), paramDouble(params, specs, "lion_beta2"),
                       paramDouble(params, specs, "weight_decay")};
}

} // namespace

Lion::Lion(std::vector<Parameter*> parameters, const LionOptions& options)
    : SteppedOptimizer(std::move(parameters)), m_options(options) {
    for (const Parameter* parameter : m_parameters)
        m_averages.push_back(at::zeros_like(parameter->value));
}

void Lion::update(double learningRate, double gradientScale) {
    const auto stepOf = [&](const Parameter& parameter) {
        return kernels::LionStep{learningRate * parameter.rateFactor, m_options.beta1, m_options.beta2,
                                 parameter.decay ? m_options.weightDecay : 0.0, gradientScale};
    };
    if (!onCpu(m_parameters)) {
        for (std::size_t i = 0; i < m_parameters.size(); ++i)
            lionWithAten(*m_parameters[i], m_averages[i], stepOf(*m_parameters[i]));
        return;
    }
    forPieces(piecesOf(m_parameters), [&](const Piece& piece, std::size_t) {
        const Parameter& parameter = *m_parameters[piece.parameter];
        withOptimizerLoops(parameter.value.scalar_type(), [&]<class A>(A, const auto& loops) {
            loops.lion(kernels::dataOf<A>(parameter.value) + piece.begin,
                       kernels::dataOf<A>(parameter.grad) + piece.begin,
                       kernels::dataOf<A>(m_averages[piece.parameter]) + piece.begin, stepOf(parameter), piece.count);
        });
    });
}

std::vector<Optimizer::StateTensor> Lion::state() {
    std::vector<StateTensor> tensors;
    for (std::size_t i = 0; i < m_parameters.size(); ++i)
        tensors.push_back({m_parameters[i]->name + ".exp_avg", m_averages[i]});
    return tensors;
}

const OptimizerKind& lionKind() {
    static const OptimizerKind kind{
        {"lion", "Lion",
         "Half of AdamW's memory; wants a learning rate three to ten times lower and more weight decay.", lionParams()},
        makeOptimizer<Lion>(lionOptions),
        [](std::int64_t rows, std::int64_t columns) { return rows * columns * 4; }};
    return kind;
}

} // namespace attune
