// Attention in plain ATen, one row at a time: other devices, and what the blocked loops are tested against.
#include <limits>

#include <ATen/ATen.h>

#include "core/nn/kernels/attention.h"
#include "core/nn/kernels/reference_ops.h"

namespace attune::kernels::reference {

namespace {

// Row `r`: its queries [kvHeads, length * group, headDim], and keys and values [kvHeads, prefix + length, headDim].
struct Row {
    std::int64_t begin, length, prefix; // prefix: keys of the first row in front of its own
    at::Tensor q, k, v;
};

Row rowOf(const AttentionLayout& layout, std::size_t r, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
    const std::int64_t begin = layout.rowStarts[r], length = layout.rowStarts[r + 1] - begin;
    const std::int64_t prefix = layout.prefixOf(r);
    const auto keys = [&](const at::Tensor& all) {
        const at::Tensor own = wide(all.narrow(1, begin, length));
        return prefix > 0 ? at::cat({wide(all.narrow(1, 0, prefix)), own}, 1) : own;
    };
    return {begin, length, prefix,
            wide(q.narrow(1, begin, length)).reshape({layout.kvHeads, length * layout.group, layout.headDim}), keys(k),
            keys(v)};
}

at::Tensor cappedScores(const AttentionLayout& layout, const Row& row) {
    const at::Tensor scores = at::bmm(row.q, row.k.transpose(1, 2));
    return layout.softCap > 0 ? layout.softCap * at::tanh(scores / layout.softCap) : scores;
}

at::Tensor maskedScores(const AttentionLayout& layout, const Row& row) {
    const at::Tensor scores = cappedScores(layout, row);
    const at::Tensor keys = at::arange(row.prefix + row.length, scores.options().dtype(at::kLong));
    const at::Tensor queries = keys.narrow(0, row.prefix, row.length).repeat_interleave(layout.group);
    at::Tensor hidden = queries.unsqueeze(1) < keys.unsqueeze(0);
    if (layout.window > 0)
        hidden = hidden.logical_or(queries.unsqueeze(1) - keys.unsqueeze(0) >= layout.window);
    return scores.masked_fill(hidden.unsqueeze(0), -std::numeric_limits<double>::infinity());
}

// [T, heads * headDim] rows of o <-> [kvHeads, length * group, headDim]
at::Tensor headsOf(const AttentionLayout& layout, const Row& row, const at::Tensor& o) {
    return o.narrow(0, row.begin, row.length)
        .narrow(1, 0, layout.kvHeads * layout.group * layout.headDim)
        .reshape({row.length, layout.kvHeads, layout.group, layout.headDim})
        .permute({1, 0, 2, 3})
        .reshape({layout.kvHeads, row.length * layout.group, layout.headDim});
}

} // namespace

void attentionForward(const AttentionLayout& layout, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                      const at::Tensor& o, const at::Tensor& logSumExp) {
    for (std::size_t r = 0; r + 1 < layout.rowStarts.size(); ++r) {
        const Row row = rowOf(layout, r, q, k, v);
        if (row.length == 0)
            continue;
        const at::Tensor scores = maskedScores(layout, row);
        const at::Tensor lse = at::logsumexp(scores, {2});
        logSumExp.narrow(1, row.begin, row.length).copy_(lse.view({layout.kvHeads, row.length, layout.group}));
        const at::Tensor p = at::exp(scores - lse.unsqueeze(2));
        o.narrow(0, row.begin, row.length)
            .narrow(1, 0, layout.kvHeads * layout.group * layout.headDim)
            .copy_(at::bmm(p, row.v)
                       .view({layout.kvHeads, row.length, layout.group, layout.headDim})
                       .permute({1, 0, 2, 3})
                       .reshape({row.length, -1}));
    }
}

void attentionBackward(const AttentionLayout& layout, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const at::Tensor& o, const at::Tensor& dO, const at::Tensor& logSumExp, const at::Tensor& dq,
                       const at::Tensor& dk, const at::Tensor& dv) {
    dq.zero_(), dk.zero_(), dv.zero_();
    for (std::size_t r = 0; r + 1 < layout.rowStarts.size(); ++r) {
        const Row row = rowOf(layout, r, q, k, v);
        if (row.length == 0)
            continue;
        const at::Tensor lse = logSumExp.narrow(1, row.begin, row.length).reshape({layout.kvHeads, -1, 1});
        const at::Tensor p = at::exp(maskedScores(layout, row) - lse);
        const at::Tensor d = wide(headsOf(layout, row, dO)), out = wide(headsOf(layout, row, o));
        const at::Tensor delta = (d * out).sum(2, true);
        at::Tensor ds = p * (at::bmm(d, row.v.transpose(1, 2)) - delta);
        if (layout.softCap > 0)
            ds = ds * (1.0 - (cappedScores(layout, row) / layout.softCap).square());
        dv.narrow(1, row.begin, row.length).copy_(at::bmm(p.transpose(1, 2), d));
        dk.narrow(1, row.begin, row.length).copy_(at::bmm(ds.transpose(1, 2), row.q));
        dq.narrow(1, row.begin, row.length)
            .copy_(at::bmm(ds, row.k).view({layout.kvHeads, row.length, layout.group, layout.headDim}));
    }
}

} // namespace attune::kernels::reference
