#include "core/nn/kernels/reference_ops.h"

#include <ATen/ATen.h>

#include "core/base/rng.h"

namespace attune::kernels::reference {

at::Tensor wide(const at::Tensor& x) {
    return x.scalar_type() == at::kBFloat16 ? x.to(at::kFloat) : x;
}

namespace {

at::Tensor normalized(const NormArguments& norm, const at::Tensor& x, const at::Tensor& statistics) {
    const at::Tensor centered = norm.kind == NormKind::LayerNorm ? x - statistics[0].unsqueeze(1) : x;
    return centered * statistics[1].unsqueeze(1);
}

at::Tensor value(Activation activation, const at::Tensor& x) {
    switch (activation) {
    case Activation::Silu:
        return x * at::sigmoid(x);
    case Activation::GeluTanh:
        return 0.5 * x * (1.0 + at::tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
    case Activation::GeluErf:
        return 0.5 * x * (1.0 + at::erf(x * 0.70710678118654752440));
    case Activation::Relu:
        break;
    }
    return at::relu(x);
}

at::Tensor slope(Activation activation, const at::Tensor& x) {
    switch (activation) {
    case Activation::Silu: {
        const at::Tensor s = at::sigmoid(x);
        return s * (1.0 + x * (1.0 - s));
    }
    case Activation::GeluTanh: {
        const at::Tensor t = at::tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x));
        return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * 0.79788456080286535588 * (1.0 + 3 * 0.044715 * x * x);
    }
    case Activation::GeluErf:
        return 0.5 * (1.0 + at::erf(x * 0.70710678118654752440)) + x * 0.39894228040143267794 * at::exp(-0.5 * x * x);
    case Activation::Relu:
        break;
    }
    return (x > 0).to(x.scalar_type());
}

// x [T, n, headDim]; direction -1 undoes the rotation.
at::Tensor rotated(const at::Tensor& x, const Rotation& rotation, double direction) {
    if (!rotation.cosines.defined())
        return x;
    const at::Tensor rows = rotation.tableRow.to(at::kLong).narrow(0, 0, x.size(0));
    const at::Tensor c = rotation.cosines.index_select(0, rows).unsqueeze(1);
    const at::Tensor s = rotation.sines.index_select(0, rows).unsqueeze(1) * direction;
    const std::int64_t half = x.size(2) / 2;
    const at::Tensor a = x.narrow(2, 0, half), b = x.narrow(2, half, half);
    return at::cat({a * c - b * s, b * c + a * s}, 2);
}

} // namespace

void normForward(const NormArguments& norm, const at::Tensor& x, const at::Tensor& y, const at::Tensor& statistics) {
    if (norm.kind == NormKind::LayerNorm) {
        statistics[0].copy_(x.mean(1));
        const at::Tensor centered = x - statistics[0].unsqueeze(1);
        statistics[1].copy_(at::rsqrt((centered * centered).mean(1) + norm.epsilon));
    } else {
        statistics[1].copy_(at::rsqrt((x * x).mean(1) + norm.epsilon));
    }
    at::Tensor result = normalized(norm, x, statistics) * norm.weight;
    if (norm.bias.defined())
        result += norm.bias;
    y.copy_(result);
}

void normBackward(const NormArguments& norm, const at::Tensor& dy, const at::Tensor& x, const at::Tensor& statistics,
                  const at::Tensor& dx) {
    const at::Tensor g = wide(dy) * norm.weight, n = normalized(norm, x, statistics);
    at::Tensor result = g - n * (g * n).mean(1, true);
    if (norm.kind == NormKind::LayerNorm)
        result -= g.mean(1, true);
    dx.add_(result * statistics[1].unsqueeze(1));
}

void normParameterGradients(const NormArguments& norm, const at::Tensor& dy, const at::Tensor& x,
                            const at::Tensor& statistics, const at::Tensor& dWeight, const at::Tensor& dBias) {
    if (dWeight.defined())
        dWeight.add_((wide(dy) * normalized(norm, x, statistics)).sum(0));
    if (dBias.defined())
        dBias.add_(wide(dy).sum(0));
}

void addColumnSums(const at::Tensor& x, const at::Tensor& sums) {
    sums.add_(wide(x).sum(0));
}

void activationForward(Activation activation, bool gated, const at::Tensor& gateUp, const at::Tensor& y) {
    const at::Tensor in = wide(gateUp);
    const std::int64_t width = y.size(1);
    if (gated)
        y.copy_(value(activation, in.narrow(1, 0, width)) * in.narrow(1, width, width));
    else
        y.copy_(value(activation, in));
}

void activationBackward(Activation activation, bool gated, const at::Tensor& gateUp, const at::Tensor& y,
                        const at::Tensor& dy) {
    const at::Tensor in = wide(gateUp).clone(), d = wide(dy);
    const std::int64_t width = y.size(1);
    if (gated) {
        const at::Tensor gate = in.narrow(1, 0, width), up = in.narrow(1, width, width);
        const at::Tensor v = value(activation, gate);
        y.copy_(v * up);
        gateUp.narrow(1, 0, width).copy_(d * up * slope(activation, gate));
        gateUp.narrow(1, width, width).copy_(d * v);
    } else {
        y.copy_(value(activation, in));
        gateUp.copy_(d * slope(activation, in));
    }
}

void splitHeads(const at::Tensor& qkv, const Rotation& rotation, double scale, const at::Tensor& q, const at::Tensor& k,
                const at::Tensor& v) {
    const std::int64_t kvHeads = q.size(0), tokens = q.size(1), group = q.size(2), dim = q.size(3);
    const at::Tensor x = wide(qkv).view({tokens, (group + 2) * kvHeads, dim});
    q.copy_((rotated(x.narrow(1, 0, group * kvHeads), rotation, 1.0) * scale)
                .view({tokens, kvHeads, group, dim})
                .transpose(0, 1));
    k.copy_(rotated(x.narrow(1, group * kvHeads, kvHeads), rotation, 1.0).transpose(0, 1));
    v.copy_(x.narrow(1, (group + 1) * kvHeads, kvHeads).transpose(0, 1));
}

void mergeHeads(const at::Tensor& dq, const at::Tensor& dk, const at::Tensor& dv, const Rotation& rotation,
                double scale, const at::Tensor& dqkv) {
    const std::int64_t kvHeads = dq.size(0), tokens = dq.size(1), group = dq.size(2), dim = dq.size(3);
    const at::Tensor q = wide(dq).transpose(0, 1).reshape({tokens, kvHeads * group, dim});
    const at::Tensor joined = at::cat(
        {rotated(q, rotation, -1.0) * scale, rotated(dk.transpose(0, 1), rotation, -1.0), dv.transpose(0, 1)}, 1);
    dqkv.copy_(joined.reshape({tokens, -1}));
}

void narrowTo(const at::Tensor& x, const at::Tensor& y) {
    y.copy_(x);
}

void narrowRows(const at::Tensor& x, const at::Tensor& y, double scale) {
    y.copy_(x * scale);
}

void softCap(const at::Tensor& x, double cap) {
    x.copy_(cap * at::tanh(wide(x) / cap));
}

void scaledCopy(const at::Tensor& x, const at::Tensor& y, double scale) {
    y.copy_(wide(x) * scale);
}

void dropout(const at::Tensor& x, const at::Tensor& y, bool accumulate, double p, std::uint64_t key,
             std::uint64_t stream) {
    const auto threshold = static_cast<std::uint64_t>(p * 4294967296.0);
    at::Tensor mask = at::empty({x.size(0), x.size(1)}, at::kFloat);
    float* keep = mask.data_ptr<float>();
    for (std::int64_t i = 0; i < mask.numel(); ++i)
        keep[i] = philox(key, stream, static_cast<std::uint64_t>(i / 4))[static_cast<std::size_t>(i % 4)] >= threshold;
    const at::Tensor wideX = wide(x);
    const at::Tensor kept = wideX * mask.to(wideX.options()) * (1.0 / (1.0 - p));
    y.copy_(accumulate ? wide(y) + kept : kept);
}

void embed(const at::Tensor& ids, const at::Tensor& table, const at::Tensor& positionIds,
           const at::Tensor& positionTable, const at::Tensor& x) {
    x.zero_();
    at::Tensor rows = x.narrow(0, 0, ids.size(0));
    rows.copy_(table.index_select(0, ids));
    if (positionTable.defined())
        rows.add_(positionTable.index_select(0, positionIds));
}

void addRowsAt(const at::Tensor& ids, const at::Tensor& dx, const at::Tensor& gradient) {
    gradient.index_add_(0, ids, dx.narrow(0, 0, ids.size(0)));
}

void targetLogProbabilities(const at::Tensor& logits, const at::Tensor& targets, std::int64_t count,
                            const at::Tensor& logSumExp, const at::Tensor& logP, const at::Tensor& facts) {
    const at::Tensor z = wide(logits.narrow(0, 0, count));
    const at::Tensor lse = at::logsumexp(z, {1}), atTarget = z.gather(1, targets.narrow(0, 0, count).unsqueeze(1)).squeeze(1);
    logSumExp.narrow(0, 0, count).copy_(lse);
    logP.narrow(0, 0, count).copy_(atTarget - lse);
    if (!facts.defined())
        return;
    const at::Tensor logs = z - lse.unsqueeze(1);
    facts.narrow(0, 0, count).copy_(at::stack({(atTarget >= z.amax(1)).to(z.scalar_type()), -(logs.exp() * logs).sum(1), z.mean(1), at::logsumexp(2 * logs, {1})}, 1));
}

void crossEntropyGradient(const at::Tensor& logits, const at::Tensor& targets, std::int64_t count,
                          const at::Tensor& logSumExp, const at::Tensor& weights, double softCap) {
    const at::Tensor z = wide(logits.narrow(0, 0, count));
    const at::Tensor w = weights.narrow(0, 0, count).unsqueeze(1);
    at::Tensor gradient = at::exp(z - logSumExp.narrow(0, 0, count).unsqueeze(1)) * w;
    gradient.scatter_add_(1, targets.narrow(0, 0, count).unsqueeze(1), -w);
    if (softCap > 0)
        gradient *= 1.0 - (z / softCap).square();
    logits.zero_();
    logits.narrow(0, 0, count).copy_(gradient);
}

} // namespace attune::kernels::reference
