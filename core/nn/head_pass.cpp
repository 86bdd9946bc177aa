#include "core/nn/head_pass.h"

#include <algorithm>

#include <ATen/ATen.h>

#include "core/nn/kernels/matmul.h"
#include "core/nn/kernels/ops.h"

namespace attune {

namespace {

constexpr std::int64_t kLogitBytes = 64 * 1024 * 1024; // of one chunk of logits

at::Tensor gradientOf(const Weight& weight) {
    return weight.trained ? weight.trained->grad : at::Tensor();
}

kernels::NormArguments finalNorm(const CausalLm& model) {
    return {model.config().norm, model.config().normEpsilon, model.finalNorm.weight.compute,
            model.finalNorm.bias.compute};
}

} // namespace

std::int64_t HeadPass::chunkRows() const {
    const std::int64_t perRow =
        m_model.config().vocabularySize * static_cast<std::int64_t>(c10::elementSize(m_model.settings().dtype));
    return std::clamp<std::int64_t>(kLogitBytes / perRow / kRowRound * kRowRound, kRowRound, 512);
}

void HeadPass::logits(const CausalLm& model, const at::Tensor& x, const at::Tensor& normed, const at::Tensor& statistics,
                      const at::Tensor& logits, std::map<std::string, double>* times) {
    const ModelConfig& config = model.config();
    {
        const PartTimer timer(times, "norms");
        kernels::normForward(finalNorm(model), x, normed, statistics);
        if (config.logitMultiplier != 1.0) // the same as multiplying the far wider logits
            kernels::scaledCopy(normed, normed, config.logitMultiplier);
    }
    {
        const PartTimer timer(times, "head products");
        kernels::multiply(logits, normed, model.head.compute.t(), false, model.headBias.compute);
    }
    if (config.logitSoftCap > 0.0) {
        const PartTimer timer(times, "loss");
        kernels::softCap(logits, config.logitSoftCap);
    }
}

at::Tensor HeadPass::sweep(const PassBatch& batch, const at::Tensor& hidden, const Sweep& asked,
                           const at::Tensor& dHidden, std::map<std::string, double>* times,
                           at::Tensor* facts) {
    const at::Tensor& weights = asked.weights;
    const at::ScalarType type = m_model.settings().dtype, master = m_model.masterType();
    const at::Device device = m_model.settings().device;
    const std::int64_t targets = batch.targets.size(0), width = m_model.config().hiddenSize, chunk = chunkRows();
    at::Tensor logProbs = at::empty({targets}, hidden.options());
    if (facts)
        *facts = at::empty({targets, 4}, hidden.options());
    if (weights.defined())
        dHidden.zero_(); // positions without a target have no gradient
    for (std::int64_t begin = 0; begin < targets; begin += chunk) {
        const std::int64_t rows = std::min(chunk, targets - begin), padded = roundUp(rows, kRowRound);
        const at::Tensor index = batch.targetRows.narrow(0, begin, rows), wanted = batch.targets.narrow(0, begin, rows);
        const at::Tensor x = m_hidden.get(padded, width, master, device);
        at::Tensor real = x.narrow(0, 0, rows);
        at::index_select_out(real, hidden, 0, index);
        x.narrow(0, rows, padded - rows).zero_();
        const at::Tensor normed = m_normed.get(padded, width, type, device);
        const at::Tensor statistics = m_statistics.get(2, padded, master, device);
        const at::Tensor logits = m_logits.get(padded, m_model.config().vocabularySize, type, device);
        HeadPass::logits(m_model, x, normed, statistics, logits, times);
        const at::Tensor sums = m_sums.get(1, padded, master, device)[0];
        {
            const PartTimer timer(times, "loss");
            if (asked.temperature != 1.0)
                kernels::scaledCopy(logits, logits, 1 / asked.temperature);
            kernels::targetLogProbabilities(logits, wanted, rows, sums, logProbs.narrow(0, begin, rows),
                                            facts ? facts->narrow(0, begin, rows) : at::Tensor());
            if (!weights.defined())
                continue;
            at::Tensor scaled = weights.narrow(0, begin, rows);
            if (asked.timesProbability)
                scaled = scaled * logProbs.narrow(0, begin, rows).exp();
            if (asked.temperature != 1.0) // to the logits before the division; a divided soft cap caps divided logits
                scaled = scaled / asked.temperature;
            kernels::crossEntropyGradient(logits, wanted, rows, sums, scaled, m_model.config().logitSoftCap / asked.temperature);
        }
        const at::Tensor dRows = m_dHidden.get(padded, width, master, device);
        chunkBackward(logits, x, normed, statistics, dRows,
                      asked.valueGradient.defined() ? asked.valueGradient.narrow(0, begin, rows) : at::Tensor(), times);
        at::Tensor(dHidden).index_copy_(0, index, dRows.narrow(0, 0, rows));
    }
    return logProbs;
}

at::Tensor HeadPass::values(const PassBatch& batch, const at::Tensor& hidden) {
    const at::ScalarType type = m_model.settings().dtype, master = m_model.masterType();
    const at::Device device = m_model.settings().device;
    const std::int64_t targets = batch.targets.size(0), width = m_model.config().hiddenSize, chunk = chunkRows();
    const at::Tensor values = at::empty({targets}, hidden.options());
    for (std::int64_t begin = 0; begin < targets; begin += chunk) {
        const std::int64_t rows = std::min(chunk, targets - begin), padded = roundUp(rows, kRowRound);
        const at::Tensor x = m_hidden.get(padded, width, master, device);
        at::Tensor real = x.narrow(0, 0, rows);
        at::index_select_out(real, hidden, 0, batch.targetRows.narrow(0, begin, rows));
        x.narrow(0, rows, padded - rows).zero_();
        const at::Tensor normed = m_normed.get(padded, width, type, device);
        kernels::normForward(finalNorm(m_model), x, normed, m_statistics.get(2, padded, master, device));
        values.narrow(0, begin, rows)
            .copy_(at::mv(normed.narrow(0, 0, rows).to(master), m_model.valueHead->weight.value[0]).add_(m_model.valueHead->bias.value));
    }
    return values;
}

at::Tensor HeadPass::scores(const PassBatch& batch, const at::Tensor& hidden, const at::Tensor& gradient,
                            const at::Tensor& dHidden, std::map<std::string, double>* times) {
    const at::ScalarType type = m_model.settings().dtype, master = m_model.masterType();
    const at::Device device = m_model.settings().device;
    const auto& starts = batch.layout.rowStarts;
    const std::int64_t rows = static_cast<std::int64_t>(starts.size()) - 1, padded = roundUp(rows, kRowRound);
    const std::int64_t width = m_model.config().hiddenSize;
    at::Tensor ends = at::empty({rows}, at::kLong);
    for (std::int64_t row = 0; row < rows; ++row)
        ends.data_ptr<std::int64_t>()[row] = starts[static_cast<std::size_t>(row) + 1] - 1;
    ends = ends.to(device);
    const at::Tensor x = m_hidden.get(padded, width, master, device);
    at::Tensor real = x.narrow(0, 0, rows);
    at::index_select_out(real, hidden, 0, ends);
    x.narrow(0, rows, padded - rows).zero_();
    const at::Tensor normed = m_normed.get(padded, width, type, device);
    const at::Tensor statistics = m_statistics.get(2, padded, master, device);
    kernels::normForward(finalNorm(m_model), x, normed, statistics);
    const at::Tensor wide = normed.narrow(0, 0, rows).to(master);
    const at::Tensor scores = at::mv(wide, m_model.scoreHead->value[0]);
    if (!gradient.defined())
        return scores;
    m_model.scoreHead->grad[0].add_(at::mv(wide.t(), gradient));
    const at::Tensor dNormed = m_dNormed.get(padded, width, type, device);
    dNormed.zero_();
    dNormed.narrow(0, 0, rows).copy_(at::ger(gradient, m_model.scoreHead->value[0]));
    const at::Tensor dRows = m_dHidden.get(padded, width, master, device);
    normBackward(dNormed, x, statistics, dRows, times);
    dHidden.zero_(); // only the last positions have a gradient
    at::Tensor(dHidden).index_copy_(0, ends, dRows.narrow(0, 0, rows));
    return scores;
}

// `logits` holds its own gradient by now.
void HeadPass::chunkBackward(const at::Tensor& logits, const at::Tensor& x, const at::Tensor& normed,
                             const at::Tensor& statistics, const at::Tensor& dRows, const at::Tensor& valueGradient,
                             std::map<std::string, double>* times) {
    const at::Tensor dNormed = m_dNormed.get(x.size(0), x.size(1), normed.scalar_type(), normed.device());
    {
        const PartTimer timer(times, "head products");
        kernels::multiply(dNormed, logits, m_model.head.compute);
    }
    if (const at::Tensor gradient = gradientOf(m_model.config().tiedHead ? m_model.embedding : m_model.head);
        gradient.defined()) {
        const PartTimer timer(times, "weight gradients");
        kernels::multiply(gradient, logits.t(), normed, true);
    }
    if (m_model.config().tiedHead && m_model.tokenRows) {
        const Parameter& rows = m_model.tokenRows->values;
        const at::ScalarType master = rows.value.scalar_type();
        rows.grad.addmm_(logits.index_select(1, m_model.tokenRows->index).to(master).t(), normed.to(master));
    }
    if (const at::Tensor gradient = gradientOf(m_model.headBias); gradient.defined())
        kernels::addColumnSums(logits, gradient);
    if (const double scale = m_model.config().logitMultiplier; scale != 1.0)
        kernels::scaledCopy(dNormed, dNormed, scale); // the multiplier lies before the head: see logits()
    if (valueGradient.defined()) { // the value head reads what the multiplier has not multiplied
        ValueHead& head = *m_model.valueHead;
        const std::int64_t rows = valueGradient.size(0);
        const at::Tensor wide = normed.narrow(0, 0, rows).to(valueGradient.scalar_type());
        head.weight.grad[0].add_(at::mv(wide.t(), valueGradient), 1 / m_model.config().logitMultiplier);
        head.bias.grad.add_(valueGradient.sum());
        dNormed.narrow(0, 0, rows).add_(at::ger(valueGradient, head.weight.value[0]));
    }
    normBackward(dNormed, x, statistics, dRows, times);
}

void HeadPass::normBackward(const at::Tensor& dNormed, const at::Tensor& x, const at::Tensor& statistics,
                            const at::Tensor& dRows, std::map<std::string, double>* times) {
    const PartTimer timer(times, "norms");
    kernels::normParameterGradients(finalNorm(m_model), dNormed, x, statistics, gradientOf(m_model.finalNorm.weight),
                                    gradientOf(m_model.finalNorm.bias));
    dRows.zero_();
    kernels::normBackward(finalNorm(m_model), dNormed, x, statistics, dRows);
}

} // namespace attune
