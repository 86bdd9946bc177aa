#include "core/optim/adamw_8bit.h"

#include <ATen/ATen.h>

#include "core/optim/dynamic_map.h"

namespace attune {

namespace {

static_assert(kPieceElements % kernels::kEightBitBlock == 0); // a piece begins with a block

std::int64_t blocksOf(std::int64_t elements) {
    return (elements + kernels::kEightBitBlock - 1) / kernels::kEightBitBlock;
}

at::Tensor tableOn(const DynamicMap& map, at::Device device) {
    at::Tensor host = at::empty({256}, at::kFloat);
    std::copy(map.values().begin(), map.values().end(), host.data_ptr<float>());
    return host.to(device);
}

// On any device: codes [n] and maxima [blocks] as f32 in whole blocks [blocks, 256], and back.
at::Tensor decoded(const at::Tensor& codes, const at::Tensor& maxima, const at::Tensor& table) {
    at::Tensor values = at::zeros({maxima.size(0) * kernels::kEightBitBlock}, maxima.options());
    values.narrow(0, 0, codes.numel()).copy_(table.index_select(0, codes.to(at::kLong)));
    return values.view({-1, kernels::kEightBitBlock}) * maxima.unsqueeze(1);
}

void encode(const at::Tensor& values, at::Tensor codes, at::Tensor maxima, const at::Tensor& table, bool squares) {
    maxima.copy_(values.abs().amax(1));
    const at::Tensor scaled = (values / maxima.clamp_min(1e-37).unsqueeze(1)).flatten().narrow(0, 0, codes.numel());
    const at::Tensor middles = (table.narrow(0, 0, 255) + table.narrow(0, 1, 255)) / 2;
    at::Tensor nearest = at::bucketize(scaled, middles);
    if (squares)
        nearest = at::where((nearest == 0).logical_and(scaled > 0), at::ones_like(nearest), nearest);
    codes.copy_(nearest);
}

} // namespace

AdamW8::AdamW8(std::vector<Parameter*> parameters, const AdamWOptions& options)
    : SteppedOptimizer(std::move(parameters)), m_options(options) {
    for (const Parameter* parameter : m_parameters) {
        const std::int64_t elements = parameter->value.numel();
        if (elements < kSmallest) {
            m_moments.push_back({at::zeros_like(parameter->value), at::zeros_like(parameter->value), {}, {}});
            continue;
        }
        const at::TensorOptions bytes = parameter->value.options().dtype(at::kByte);
        const at::TensorOptions floats = parameter->value.options().dtype(at::kFloat);
        m_moments.push_back({at::full({elements}, kernels::kSignedZero, bytes), at::zeros({elements}, bytes),
                             at::zeros({blocksOf(elements)}, floats), at::zeros({blocksOf(elements)}, floats)});
    }
}

void AdamW8::updateWithAten(std::size_t index, const kernels::AdamWStep& step) {
    Parameter& parameter = *m_parameters[index];
    Moments& moments = m_moments[index];
    if (!moments.averageMaxima.defined())
        return adamWWithAten(parameter, moments.average, moments.averageSquare, step);
    const at::Tensor signedTable = tableOn(DynamicMap::signedMap(), parameter.value.device()),
                     unsignedTable = tableOn(DynamicMap::unsignedMap(), parameter.value.device());
    const at::Tensor average = decoded(moments.average, moments.averageMaxima, signedTable),
                     averageSquare = decoded(moments.averageSquare, moments.averageSquareMaxima, unsignedTable);
    const std::int64_t elements = parameter.value.numel();
    adamWWithAten(parameter, average.flatten().narrow(0, 0, elements).view_as(parameter.value),
                  averageSquare.flatten().narrow(0, 0, elements).view_as(parameter.value), step);
    encode(average, moments.average, moments.averageMaxima, signedTable, false);
    encode(averageSquare, moments.averageSquare, moments.averageSquareMaxima, unsignedTable, true);
}

void AdamW8::update(double learningRate, double gradientScale) {
    const auto stepOf = [&](const Parameter& parameter) {
        return adamWStep(m_options, parameter, m_steps, learningRate, gradientScale);
    };
    if (!onCpu(m_parameters)) {
        for (std::size_t i = 0; i < m_parameters.size(); ++i)
            updateWithAten(i, stepOf(*m_parameters[i]));
        return;
    }
    const kernels::EightBitMap signedMap = DynamicMap::signedMap().tables(),
                               unsignedMap = DynamicMap::unsignedMap().tables();
    forPieces(piecesOf(m_parameters), [&](const Piece& piece, std::size_t) {
        const Parameter& parameter = *m_parameters[piece.parameter];
        const Moments& moments = m_moments[piece.parameter];
        const kernels::AdamWStep step = stepOf(parameter);
        withOptimizerLoops(parameter.value.scalar_type(), [&]<class A>(A, const auto& loops) {
            A* value = kernels::dataOf<A>(parameter.value) + piece.begin;
            A* gradient = kernels::dataOf<A>(parameter.grad) + piece.begin;
            if (!moments.averageMaxima.defined())
                return loops.adamW(value, gradient, kernels::dataOf<A>(moments.average) + piece.begin,
                                   kernels::dataOf<A>(moments.averageSquare) + piece.begin, step, piece.count);
            const std::int64_t block = piece.begin / kernels::kEightBitBlock;
            loops.adamW8(value, gradient, kernels::dataOf<std::uint8_t>(moments.average) + piece.begin,
                         kernels::dataOf<float>(moments.averageMaxima) + block,
                         kernels::dataOf<std::uint8_t>(moments.averageSquare) + piece.begin,
                         kernels::dataOf<float>(moments.averageSquareMaxima) + block, signedMap, unsignedMap, step,
                         piece.count);
        });
    });
}

std::vector<Optimizer::StateTensor> AdamW8::state() {
    std::vector<StateTensor> tensors;
    for (std::size_t i = 0; i < m_parameters.size(); ++i) {
        const std::string& name = m_parameters[i]->name;
        tensors.push_back({name + ".exp_avg", m_moments[i].average});
        tensors.push_back({name + ".exp_avg_sq", m_moments[i].averageSquare});
        if (!m_moments[i].averageMaxima.defined())
            continue;
        tensors.push_back({name + ".exp_avg_absmax", m_moments[i].averageMaxima});
        tensors.push_back({name + ".exp_avg_sq_absmax", m_moments[i].averageSquareMaxima});
    }
    return tensors;
}

const OptimizerKind& adamW8Kind() {
    static const OptimizerKind kind{
        {"adamw_8bit", "AdamW, 8-bit state",
         "AdamW with a quarter of its memory: for full fine-tuning where memory is short.", adamWParams()},
        makeOptimizer<AdamW8>(adamWOptions),
        [](std::int64_t rows, std::int64_t columns) {
            const std::int64_t elements = rows * columns;
            return elements < AdamW8::kSmallest ? elements * 8 : 2 * elements + 8 * blocksOf(elements);
        }};
    return kind;
}

} // namespace attune
