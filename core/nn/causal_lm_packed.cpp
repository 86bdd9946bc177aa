// CausalLm and Linear, weights in 4 bits: packing, reading rows of packed layers, unpacking.
#include "core/nn/causal_lm.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

namespace attune {

std::vector<CausalLm::PackedPart> CausalLm::packedParts() {
    std::vector<PackedPart> parts;
    for (Block& block : blocks)
        for (Linear* linear : block.linears())
            for (LinearPart& part : linear->parts)
                if (linear->packed)
                    parts.push_back({part.name + ".weight", linear, &part});
    return parts;
}

void Linear::unpackRows(std::int64_t first, std::int64_t count, void* to, std::int64_t stride,
                        at::ScalarType type) const {
    const auto size = static_cast<std::int64_t>(c10::elementSize(type));
    for (const LinearPart& part : parts) {
        const std::int64_t begin = std::max(first, part.begin), end = std::min(first + count, part.begin + part.rows);
        if (begin >= end)
            continue;
        auto* data = static_cast<std::byte*>(to) + (begin - first) * stride * size;
        if (part.nf4)
            dequantizeNf4Rows(*part.nf4, begin - part.begin, end - begin, data, stride, type);
        else
            at::from_blob(data, {end - begin, in}, {stride, 1}, at::TensorOptions().dtype(type))
                .copy_(part.plain.narrow(0, begin - part.begin, end - begin));
    }
}

void Linear::readRows(std::int64_t first, const at::Tensor& to) const {
    if (!packed) {
        at::Tensor(to).copy_(weight.compute.narrow(0, first, to.size(0)));
        return;
    }
    const std::int64_t stride = to.stride(0);
    auto* data = static_cast<std::byte*>(to.data_ptr());
    at::parallel_for(0, to.size(0), 8, [&](std::int64_t begin, std::int64_t end) {
        unpackRows(first + begin, end - begin, data + begin * stride * static_cast<std::int64_t>(to.element_size()), stride,
                   to.scalar_type());
    });
}

void CausalLm::unpack(Linear& linear) {
    const at::Tensor whole =
        at::empty({linear.out, linear.in}, at::TensorOptions().dtype(m_settings.dtype).device(m_settings.device));
    linear.readRows(0, whole);
    linear.weight.compute = whole;
    linear.packed = false;
    for (LinearPart& part : linear.parts)
        part.nf4.reset(), part.plain = at::Tensor();
}

void CausalLm::unpackPlainLayers() {
    for (Block& block : blocks)
        for (Linear* linear : block.linears())
            if (linear->packed && std::none_of(linear->parts.begin(), linear->parts.end(),
                                               [](const LinearPart& part) { return part.nf4 != nullptr; }))
                unpack(*linear);
}

void CausalLm::packLinears() {
    for (Block& block : blocks)
        for (Linear* linear : block.linears()) {
            if (linear->packed || linear == &block.router)
                continue;
            for (LinearPart& part : linear->parts)
                part.nf4 = std::make_unique<Nf4Matrix>(
                    quantizeNf4(linear->weight.compute.narrow(0, part.begin, part.rows)));
            linear->weight.compute = at::Tensor();
            linear->packed = true;
        }
    m_settings.linears = LinearFormat::Nf4;
}

} // namespace attune
