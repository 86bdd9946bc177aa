#include "core/optim/adafactor.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "core/plan/catalog.h"

namespace attune {

namespace {

// Rows [begin, begin + count) of a parameter [rows, columns]; a vector is one row.
struct RowPiece {
    std::size_t parameter;
    std::int64_t begin, count, columns;
    std::size_t sums; // where the piece's column sums begin
};

std::int64_t columnsOf(const Parameter& parameter) {
    return parameter.value.dim() == 2 ? parameter.value.size(1) : parameter.value.numel();
}

std::vector<RowPiece> rowPiecesOf(const std::vector<Parameter*>& parameters) {
    std::vector<RowPiece> pieces;
    std::size_t sums = 0;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        const std::int64_t columns = std::max<std::int64_t>(1, columnsOf(*parameters[i]));
        const std::int64_t rows = parameters[i]->value.numel() / columns;
        const std::int64_t step = std::max<std::int64_t>(1, kPieceElements / columns);
        for (std::int64_t begin = 0; begin < rows; begin += step, sums += static_cast<std::size_t>(columns))
            pieces.push_back({i, begin, std::min(step, rows - begin), columns, sums});
    }
    return pieces;
}

std::vector<ParamSpec> adafactorParams() {
    return {
        optimizerNumber("decay_rate", "Decay rate",
                        "How fast the average of squared gradients becomes long: it remembers 1 - step ^ -rate.", 0.8,
                        0.1, 1.0, "Step sizes adapt slowly after a sudden change.",
                        "Step sizes jump from batch to batch."),
        optimizerNumber("clip_threshold", "Update clipping",
                        "The largest root mean square of a tensor's update, before the learning rate.", 1.0, 0.01, 100.0,
                        "A sudden large gradient moves the weights far.", "Every step is shortened, so learning is slow."),
        weightDecaySpec(),
    };
}

Result<AdafactorOptions> adafactorOptions(const ParamMap& params) {
    const std::vector<ParamSpec> specs = adafactorParams();
    ATTUNE_CHECK(checkSettings(params, specs));
    AdafactorOptions options;
    options.decayRate = paramDouble(params, specs, "decay_rate");
    options.clipThreshold = paramDouble(params, specs, "clip_threshold");
    options.weightDecay = paramDouble(params, specs, "weight_decay");
    return options;
}

} // namespace

Adafactor::Adafactor(std::vector<Parameter*> parameters, const AdafactorOptions& options)
    : SteppedOptimizer(std::move(parameters)), m_options(options) {
    for (const Parameter* parameter : m_parameters) {
        const at::Tensor& value = parameter->value;
        m_squares.push_back({value.dim() == 2 ? at::zeros({value.size(0)}, value.options()) : at::Tensor(),
                             at::zeros({columnsOf(*parameter)}, value.options())});
    }
}

void Adafactor::updateWithAten(std::size_t index, double learningRate, double gradientScale, double remember) {
    Parameter& parameter = *m_parameters[index];
    Squares& squares = m_squares[index];
    const at::Tensor g = parameter.grad * gradientScale, s = g * g + m_options.epsilon;
    at::Tensor update;
    if (squares.rows.defined()) {
        squares.rows.mul_(remember).add_(s.mean(1), 1.0 - remember);
        squares.columns.mul_(remember).add_(s.mean(0), 1.0 - remember);
        update = g * (squares.rows / squares.rows.mean()).rsqrt().unsqueeze(1) * squares.columns.rsqrt();
    } else {
        squares.columns.mul_(remember).add_(s.flatten(), 1.0 - remember);
        update = g * squares.columns.rsqrt().view_as(g);
    }
    const double root = update.square().mean().sqrt().item<double>();
    const double rate = learningRate * parameter.rateFactor;
    parameter.value.mul_(1.0 - rate * (parameter.decay ? m_options.weightDecay : 0.0));
    parameter.value.add_(update, -rate / std::max(1.0, root / m_options.clipThreshold));
    parameter.grad.zero_();
}

// Three sweeps over the gradients: sums of squares, size of the update, the update.
template <class A>
void Adafactor::updateOnCpu(double learningRate, double gradientScale, double remember) {
    const kernels::OptimizerTable<A>& loops = kernels::optimizerTable<A>(kernels::activeInstructionSet());
    const std::vector<RowPiece> pieces = rowPiecesOf(m_parameters);
    const std::size_t parameters = m_parameters.size();
    std::vector<std::vector<A>> rowFactors(parameters), columnFactors(parameters);
    for (std::size_t i = 0; i < parameters; ++i)
        rowFactors[i].resize(m_squares[i].rows.defined() ? static_cast<std::size_t>(m_squares[i].rows.numel()) : 1);
    const std::size_t sums = pieces.empty() ? 0 : pieces.back().sums + static_cast<std::size_t>(pieces.back().columns);
    std::vector<A> columnSums(sums, A(0));
    forPieces(pieces, [&](const RowPiece& piece, std::size_t) {
        loops.factorSums(kernels::dataOf<A>(m_parameters[piece.parameter]->grad) + piece.begin * piece.columns,
                         piece.count, piece.columns, static_cast<A>(gradientScale), static_cast<A>(m_options.epsilon),
                         rowFactors[piece.parameter].data() + piece.begin, columnSums.data() + piece.sums);
    });

    // Averages, and from them the factors: 1 / sqrt(V[r, c]) = rowFactor[r] columnFactor[c]; the gradient's clipping is in
    // the row's.
    const A kept = static_cast<A>(remember), fresh = static_cast<A>(1.0 - remember);
    std::size_t next = 0;
    for (std::size_t i = 0; i < parameters; ++i) {
        A* columns = kernels::dataOf<A>(m_squares[i].columns);
        const auto width = static_cast<std::size_t>(m_squares[i].columns.numel());
        const bool matrix = m_squares[i].rows.defined();
        std::vector<A>& rowFactor = rowFactors[i];
        std::vector<A>& columnFactor = columnFactors[i];
        columnFactor.assign(width, A(0));
        for (; next < pieces.size() && pieces[next].parameter == i; ++next)
            for (std::size_t c = 0; c < width; ++c)
                columnFactor[c] += columnSums[pieces[next].sums + c];
        const A height = static_cast<A>(rowFactor.size());
        for (std::size_t c = 0; c < width; ++c) {
            columns[c] = kept * columns[c] + fresh * (columnFactor[c] / height);
            columnFactor[c] = A(1) / std::sqrt(columns[c]);
        }
        if (!matrix) {
            rowFactor[0] = static_cast<A>(gradientScale);
            continue;
        }
        A* rows = kernels::dataOf<A>(m_squares[i].rows);
        double mean = 0;
        for (std::size_t r = 0; r < rowFactor.size(); ++r) {
            rows[r] = kept * rows[r] + fresh * rowFactor[r];
            mean += static_cast<double>(rows[r]);
        }
        mean /= static_cast<double>(height);
        for (std::size_t r = 0; r < rowFactor.size(); ++r)
            rowFactor[r] = static_cast<A>(std::sqrt(mean / static_cast<double>(rows[r])) * gradientScale);
    }

    std::vector<double> squares(pieces.size()), squaresOf(parameters, 0.0);
    forPieces(pieces, [&](const RowPiece& piece, std::size_t number) {
        squares[number] = loops.factoredSquares(
            kernels::dataOf<A>(m_parameters[piece.parameter]->grad) + piece.begin * piece.columns, piece.count,
            piece.columns, rowFactors[piece.parameter].data() + piece.begin, columnFactors[piece.parameter].data());
    });
    for (std::size_t number = 0; number < pieces.size(); ++number)
        squaresOf[pieces[number].parameter] += squares[number];
    forPieces(pieces, [&](const RowPiece& piece, std::size_t) {
        const Parameter& parameter = *m_parameters[piece.parameter];
        const double root = std::sqrt(squaresOf[piece.parameter] / static_cast<double>(parameter.value.numel()));
        const double rate = learningRate * parameter.rateFactor;
        loops.factoredStep(kernels::dataOf<A>(parameter.value) + piece.begin * piece.columns,
                           kernels::dataOf<A>(parameter.grad) + piece.begin * piece.columns, piece.count, piece.columns,
                           rowFactors[piece.parameter].data() + piece.begin, columnFactors[piece.parameter].data(),
                           static_cast<A>(1.0 - rate * (parameter.decay ? m_options.weightDecay : 0.0)),
                           static_cast<A>(rate / std::max(1.0, root / m_options.clipThreshold)));
    });
}

void Adafactor::update(double learningRate, double gradientScale) {
    const double remember = 1.0 - std::pow(static_cast<double>(m_steps), -m_options.decayRate);
    if (m_parameters.empty())
        return;
    if (!onCpu(m_parameters)) {
        for (std::size_t i = 0; i < m_parameters.size(); ++i)
            updateWithAten(i, learningRate, gradientScale, remember);
        return;
    }
    if (m_parameters.front()->value.scalar_type() == at::kDouble)
        updateOnCpu<double>(learningRate, gradientScale, remember);
    else
        updateOnCpu<float>(learningRate, gradientScale, remember);
}

std::vector<Optimizer::StateTensor> Adafactor::state() {
    std::vector<StateTensor> tensors;
    for (std::size_t i = 0; i < m_parameters.size(); ++i) {
        const std::string& name = m_parameters[i]->name;
        if (m_squares[i].rows.defined())
            tensors.push_back({name + ".exp_avg_sq_row", m_squares[i].rows});
        tensors.push_back({name + (m_squares[i].rows.defined() ? ".exp_avg_sq_col" : ".exp_avg_sq"), m_squares[i].columns});
    }
    return tensors;
}

const OptimizerKind& adafactorKind() {
    static const OptimizerKind kind{
        {"adafactor", "Adafactor", "Hardly any memory of its own: for full fine-tuning of the largest model that fits.",
         adafactorParams()},
        makeOptimizer<Adafactor>(adafactorOptions),
        [](std::int64_t rows, std::int64_t columns) { return 4 * (rows > 1 ? rows + columns : columns); }};
    return kind;
}

} // namespace attune
