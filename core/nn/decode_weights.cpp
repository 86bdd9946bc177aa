#include "core/nn/decode_weights.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/nn/kernels/decode_kernels.h"

namespace attune {

namespace {

DecodeMatrix decodeMatrix(const at::Tensor& weight, DecodePrecision precision) {
    DecodeMatrix matrix;
    if (precision == DecodePrecision::AsStored) {
        matrix.plain = weight;
        return matrix;
    }
    const std::int64_t out = weight.size(0), in = weight.size(1);
    const std::int64_t groups = (in + decode::kEightBitGroup - 1) / decode::kEightBitGroup;
    matrix.codes = at::empty({out, groups * decode::kEightBitGroup}, at::kChar);
    matrix.scales = at::empty({out, groups}, at::kFloat);
    at::parallel_for(0, out, 64, [&](std::int64_t begin, std::int64_t end) {
        const at::Tensor rows = weight.narrow(0, begin, end - begin).to(at::kFloat).contiguous();
        for (std::int64_t o = begin; o < end; ++o)
            decode::toEightBit(rows.data_ptr<float>() + (o - begin) * in, in,
                               matrix.codes.data_ptr<std::int8_t>() + o * groups * decode::kEightBitGroup,
                               matrix.scales.data_ptr<float>() + o * groups);
    });
    return matrix;
}

} // namespace

DecodeWeights::DecodeWeights(const CausalLm& model, DecodePrecision precision) {
    for (const Block& block : model.blocks)
        layers.push_back({decodeMatrix(block.qkv.weight.compute, precision),
                          decodeMatrix(block.attentionOut.weight.compute, precision),
                          decodeMatrix(block.gateUp.weight.compute, precision),
                          decodeMatrix(block.down.weight.compute, precision)});
    head = decodeMatrix(model.head.compute, precision);
}

} // namespace attune
