#include "core/nn/decode_weights.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/nn/kernels/decode_kernels.h"

namespace attune {

namespace {

// rows(begin, end): that part of the matrix in f32.
template <class Rows>
DecodeMatrix eightBitMatrix(std::int64_t out, std::int64_t in, Rows&& rowsOf) {
    DecodeMatrix matrix;
    const std::int64_t groups = (in + decode::kEightBitGroup - 1) / decode::kEightBitGroup;
    matrix.codes = at::empty({out, groups * decode::kEightBitGroup}, at::kChar);
    matrix.scales = at::empty({out, groups}, at::kFloat);
    at::parallel_for(0, out, 64, [&](std::int64_t begin, std::int64_t end) {
        const at::Tensor rows = rowsOf(begin, end);
        for (std::int64_t o = begin; o < end; ++o)
            decode::toEightBit(rows.data_ptr<float>() + (o - begin) * in, in,
                               matrix.codes.data_ptr<std::int8_t>() + o * groups * decode::kEightBitGroup,
                               matrix.scales.data_ptr<float>() + o * groups);
    });
    return matrix;
}

DecodeMatrix decodeMatrix(const at::Tensor& weight, DecodePrecision precision) {
    if (precision == DecodePrecision::AsStored)
        return {weight, {}, {}};
    return eightBitMatrix(weight.size(0), weight.size(1), [&](std::int64_t begin, std::int64_t end) {
        return weight.narrow(0, begin, end - begin).to(at::kFloat).contiguous();
    });
}

// A packed layer read as stored has no matrix here: the step unpacks its rows.
DecodeMatrix decodeMatrix(const Linear& linear, DecodePrecision precision) {
    if (!linear.packed || precision == DecodePrecision::AsStored)
        return decodeMatrix(linear.weight.compute, precision);
    return eightBitMatrix(linear.outFeatures(), linear.inFeatures(), [&](std::int64_t begin, std::int64_t end) {
        at::Tensor rows = at::empty({end - begin, linear.inFeatures()}, at::kFloat);
        linear.unpackRows(begin, end - begin, rows.data_ptr(), linear.inFeatures(), at::kFloat);
        return rows;
    });
}

} // namespace

DecodeWeights::DecodeWeights(const CausalLm& model, DecodePrecision precision) {
    for (const Block& block : model.blocks) {
        Layer layer{decodeMatrix(block.qkv, precision), decodeMatrix(block.attentionOut, precision), {}, {}, {}, {}};
        if (block.experts.empty())
            layer.gateUp = decodeMatrix(block.gateUp, precision), layer.down = decodeMatrix(block.down, precision);
        else
            layer.router = decodeMatrix(block.router, DecodePrecision::AsStored);
        for (const Expert& expert : block.experts)
            layer.experts.push_back({decodeMatrix(expert.gateUp, precision), decodeMatrix(expert.down, precision)});
        layers.push_back(std::move(layer));
    }
    head = decodeMatrix(model.head.compute, precision);
}

} // namespace attune
