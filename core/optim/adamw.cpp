#include "core/optim/adamw.h"

#include <cmath>

#include <ATen/ATen.h>

#include "core/plan/catalog.h"

namespace attune {

kernels::AdamWStep adamWStep(const AdamWOptions& options, const Parameter& parameter, std::int64_t steps,
                             double learningRate, double gradientScale) {
    return {.learningRate = learningRate * parameter.rateFactor,
            .beta1 = options.beta1,
            .beta2 = options.beta2,
            .epsilon = options.epsilon,
            .weightDecay = parameter.decay ? options.weightDecay : 0.0,
            .correction1 = 1.0 - std::pow(options.beta1, static_cast<double>(steps)),
            .correction2 = 1.0 - std::pow(options.beta2, static_cast<double>(steps)),
            .gradientScale = gradientScale};
}

void adamWWithAten(Parameter& parameter, at::Tensor average, at::Tensor averageSquare, const kernels::AdamWStep& step) {
    const at::Tensor g = parameter.grad * step.gradientScale;
    average.mul_(step.beta1).add_(g, 1.0 - step.beta1);
    averageSquare.mul_(step.beta2).addcmul_(g, g, 1.0 - step.beta2);
    parameter.value.mul_(1.0 - step.learningRate * step.weightDecay);
    const at::Tensor denominator = averageSquare.sqrt().div_(std::sqrt(step.correction2)).add_(step.epsilon);
    parameter.value.addcdiv_(average, denominator, -step.learningRate / step.correction1);
    parameter.grad.zero_();
}

AdamW::AdamW(std::vector<Parameter*> parameters, const AdamWOptions& options)
    : SteppedOptimizer(std::move(parameters)), m_options(options) {
    for (const Parameter* parameter : m_parameters)
        m_moments.push_back({at::zeros_like(parameter->value), at::zeros_like(parameter->value)});
}

void AdamW::update(double learningRate, double gradientScale) {
    const auto stepOf = [&](const Parameter& parameter) {
        return adamWStep(m_options, parameter, m_steps, learningRate, gradientScale);
    };
    if (!onCpu(m_parameters)) {
        for (std::size_t i = 0; i < m_parameters.size(); ++i)
            adamWWithAten(*m_parameters[i], m_moments[i].average, m_moments[i].averageSquare, stepOf(*m_parameters[i]));
        return;
    }
    forPieces(piecesOf(m_parameters), [&](const Piece& piece, std::size_t) {
        const Parameter& parameter = *m_parameters[piece.parameter];
        const Moments& moments = m_moments[piece.parameter];
        withOptimizerLoops(parameter.value.scalar_type(), [&]<class A>(A, const auto& loops) {
            loops.adamW(kernels::dataOf<A>(parameter.value) + piece.begin,
                        kernels::dataOf<A>(parameter.grad) + piece.begin,
                        kernels::dataOf<A>(moments.average) + piece.begin,
                        kernels::dataOf<A>(moments.averageSquare) + piece.begin, stepOf(parameter), piece.count);
        });
    });
}

std::vector<Optimizer::StateTensor> AdamW::state() {
    std::vector<StateTensor> tensors;
    for (std::size_t i = 0; i < m_parameters.size(); ++i) {
        tensors.push_back({m_parameters[i]->name + ".exp_avg", m_moments[i].average});
        tensors.push_back({m_parameters[i]->name + ".exp_avg_sq", m_moments[i].averageSquare});
    }
    return tensors;
}

std::vector<ParamSpec> adamWParams() {
    return {
        optimizerNumber("adam_beta1", "Beta 1", "How long the average of gradients remembers.", 0.9, 0.0, 0.9999,
                        "The direction reacts slowly to new data.", "Steps follow the noise of single batches."),
        optimizerNumber("adam_beta2", "Beta 2", "How long the average of squared gradients remembers.", 0.999, 0.0,
                        0.999999, "Step sizes adapt slowly after a sudden change.",
                        "Step sizes jump from batch to batch."),
        optimizerNumber("adam_epsilon", "Epsilon", "Keeps steps finite where gradients are almost zero.", 1e-8, 0.0, 1.0,
                        "Weights with small gradients hardly move.", "Rarely trained weights may take wild steps."),
        weightDecaySpec(),
    };
}

Result<AdamWOptions> adamWOptions(const ParamMap& params) {
    const std::vector<ParamSpec> specs = adamWParams();
    ATTUNE_CHECK(checkSettings(params, specs));
    return AdamWOptions{paramDouble(params, specs, "adam_beta1"), paramDouble(params, specs, "adam_beta2"),
                        paramDouble(params, specs, "adam_epsilon"), paramDouble(params, specs, "weight_decay")};
}

const OptimizerKind& adamWKind() {
    static const OptimizerKind kind{
        {"adamw", "AdamW", "The standard choice: a step size of its own for every weight.", adamWParams()},
        makeOptimizer<AdamW>(adamWOptions),
        [](std::int64_t rows, std::int64_t columns) { return rows * columns * 8; }};
    return kind;
}

} // namespace attune
