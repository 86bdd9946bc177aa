#include "core/optim/adamw.h"

#include <cmath>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/nn/kernels/dispatch.h"

namespace attune {

namespace {

// Pieces of equal size, so that many small adapters and one large embedding spread over threads alike, and the norm is
// summed in the same order for any number of threads.
constexpr std::int64_t kPiece = 1 << 16;

struct Piece {
    std::size_t parameter;
    std::int64_t begin, count;
};

std::vector<Piece> piecesOf(const std::vector<Parameter*>& parameters) {
    std::vector<Piece> pieces;
    for (std::size_t i = 0; i < parameters.size(); ++i)
        for (std::int64_t begin = 0; begin < parameters[i]->value.numel(); begin += kPiece)
            pieces.push_back({i, begin, std::min(kPiece, parameters[i]->value.numel() - begin)});
    return pieces;
}

template <class F>
void forPieces(const std::vector<Piece>& pieces, F&& f) {
    at::parallel_for(0, static_cast<std::int64_t>(pieces.size()), 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i)
            f(pieces[static_cast<std::size_t>(i)], static_cast<std::size_t>(i));
    });
}

template <class F>
void withMaster(at::ScalarType type, F&& f) {
    if (type == at::kDouble)
        f(double{});
    else
        f(float{});
}

void stepWithAten(Parameter& parameter, at::Tensor average, at::Tensor averageSquare, const kernels::AdamWStep& step) {
    const at::Tensor g = parameter.grad * step.gradientScale;
    average.mul_(step.beta1).add_(g, 1.0 - step.beta1);
    averageSquare.mul_(step.beta2).addcmul_(g, g, 1.0 - step.beta2);
    parameter.value.mul_(1.0 - step.learningRate * step.weightDecay);
    const at::Tensor denominator = averageSquare.sqrt().div_(std::sqrt(step.correction2)).add_(step.epsilon);
    parameter.value.addcdiv_(average, denominator, -step.learningRate / step.correction1);
    parameter.grad.zero_();
}

} // namespace

AdamW::AdamW(std::vector<Parameter*> parameters, const AdamWOptions& options)
    : m_parameters(std::move(parameters)), m_options(options) {
    for (const Parameter* parameter : m_parameters)
        m_moments.push_back({at::zeros_like(parameter->value), at::zeros_like(parameter->value)});
}

double AdamW::gradientNorm() const {
    double sum = 0;
    if (!m_parameters.empty() && !m_parameters.front()->grad.is_cpu()) {
        for (const Parameter* parameter : m_parameters)
            sum += parameter->grad.to(at::kDouble).square().sum().item<double>();
        return std::sqrt(sum);
    }
    const std::vector<Piece> pieces = piecesOf(m_parameters);
    std::vector<double> sums(pieces.size());
    forPieces(pieces, [&](const Piece& piece, std::size_t i) {
        const at::Tensor& gradient = m_parameters[piece.parameter]->grad;
        withMaster(gradient.scalar_type(), [&]<class A>(A) {
            sums[i] = kernels::optimizerTable<A>(kernels::activeInstructionSet())
                          .sumOfSquares(kernels::dataOf<A>(gradient) + piece.begin, piece.count);
        });
    });
    for (const double part : sums)
        sum += part;
    return std::sqrt(sum);
}

StepResult AdamW::step(double learningRate, double maxGradientNorm) {
    at::NoGradGuard noGrad;
    StepResult result;
    result.gradientNorm = gradientNorm();
    if (!std::isfinite(result.gradientNorm)) {
        result.finite = false;
        return result;
    }
    ++m_steps;
    kernels::AdamWStep step;
    step.learningRate = learningRate;
    step.beta1 = m_options.beta1;
    step.beta2 = m_options.beta2;
    step.epsilon = m_options.epsilon;
    step.correction1 = 1.0 - std::pow(m_options.beta1, static_cast<double>(m_steps));
    step.correction2 = 1.0 - std::pow(m_options.beta2, static_cast<double>(m_steps));
    step.gradientScale = maxGradientNorm > 0.0 ? std::min(1.0, maxGradientNorm / (result.gradientNorm + 1e-6)) : 1.0;
    if (!m_parameters.empty() && !m_parameters.front()->grad.is_cpu()) {
        for (std::size_t i = 0; i < m_parameters.size(); ++i) {
            step.weightDecay = m_parameters[i]->decay ? m_options.weightDecay : 0.0;
            stepWithAten(*m_parameters[i], m_moments[i].average, m_moments[i].averageSquare, step);
        }
        return result;
    }
    forPieces(piecesOf(m_parameters), [&](const Piece& piece, std::size_t) {
        const Parameter& parameter = *m_parameters[piece.parameter];
        const Moments& moments = m_moments[piece.parameter];
        kernels::AdamWStep own = step;
        own.weightDecay = parameter.decay ? m_options.weightDecay : 0.0;
        withMaster(parameter.value.scalar_type(), [&]<class A>(A) {
            kernels::optimizerTable<A>(kernels::activeInstructionSet())
                .adamW(kernels::dataOf<A>(parameter.value) + piece.begin,
                       kernels::dataOf<A>(parameter.grad) + piece.begin,
                       kernels::dataOf<A>(moments.average) + piece.begin,
                       kernels::dataOf<A>(moments.averageSquare) + piece.begin, own, piece.count);
        });
    });
    return result;
}

std::vector<Optimizer::StateTensor> AdamW::state() {
    std::vector<StateTensor> tensors;
    for (std::size_t i = 0; i < m_parameters.size(); ++i) {
        tensors.push_back({m_parameters[i]->name + ".exp_avg", m_moments[i].average});
        tensors.push_back({m_parameters[i]->name + ".exp_avg_sq", m_moments[i].averageSquare});
    }
    return tensors;
}

namespace {

ParamSpec number(std::string key, std::string label, std::string help, double value, double min, double max,
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

Result<double> value(const ParamMap& params, const ParamSpec& spec) {
    const auto found = params.find(spec.key);
    const ParamValue& given = found == params.end() ? spec.defaultValue : found->second;
    double result = 0;
    if (const auto* real = std::get_if<double>(&given))
        result = *real;
    else if (const auto* integer = std::get_if<std::int64_t>(&given))
        result = static_cast<double>(*integer);
    else
        return fail(ErrorCode::InvalidArgument, spec.label + " (" + spec.key + ") must be a number.");
    if (!std::isfinite(result) || result < *spec.min || result > *spec.max)
        return fail(ErrorCode::InvalidArgument, spec.label + " (" + spec.key + ") is outside its range.",
                    "Choose a value the form allows.");
    return result;
}

} // namespace

const OptimizerKind& adamWKind() {
    static const OptimizerKind kind = [] {
        OptimizerKind result;
        result.description.id = "adamw";
        result.description.title = "AdamW";
        result.description.summary = "The standard choice: a step size of its own for every weight.";
        result.description.params = {
            number("adam_beta1", "Beta 1", "How long the average of gradients remembers.", 0.9, 0.0, 0.9999,
                   "The direction reacts slowly to new data.", "Steps follow the noise of single batches."),
            number("adam_beta2", "Beta 2", "How long the average of squared gradients remembers.", 0.999, 0.0, 0.999999,
                   "Step sizes adapt slowly after a sudden change.", "Step sizes jump from batch to batch."),
            number("adam_epsilon", "Epsilon", "Keeps steps finite where gradients are almost zero.", 1e-8, 0.0, 1.0,
                   "Weights with small gradients hardly move.", "Rarely trained weights may take wild steps."),
            number("weight_decay", "Weight decay",
                   "Pulls weights towards zero a little in every step; norms and biases are left out.", 0.0, 0.0, 1.0,
                   "The model underfits and forgets.", "More freedom, with little data also more overfitting."),
        };
        const std::vector<ParamSpec> specs = result.description.params;
        result.make = [specs](std::vector<Parameter*> parameters,
                              const ParamMap& params) -> Result<std::unique_ptr<Optimizer>> {
            AdamWOptions options;
            ATTUNE_ASSIGN(options.beta1, value(params, specs[0]));
            ATTUNE_ASSIGN(options.beta2, value(params, specs[1]));
            ATTUNE_ASSIGN(options.epsilon, value(params, specs[2]));
            ATTUNE_ASSIGN(options.weightDecay, value(params, specs[3]));
            return std::make_unique<AdamW>(std::move(parameters), options);
        };
        return result;
    }();
    return kind;
}

} // namespace attune
