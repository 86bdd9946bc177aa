#include "core/export/final_weights.h"

#include <ATen/ATen.h>

namespace attune {

std::map<std::string, ParameterPlace> parameterPlaces(CausalLm& model) {
    std::map<std::string, ParameterPlace> all;
    const auto add = [&](const Weight& weight) {
        if (weight.defined())
            all[weight.name] = {&weight};
    };
    add(model.embedding), add(model.positions), add(model.finalNorm.weight), add(model.finalNorm.bias);
    add(model.headBias);
    if (!model.config().tiedHead)
        add(model.head);
    for (Block& block : model.blocks) {
        for (Norm* norm : block.norms())
            add(norm->weight), add(norm->bias);
        for (Linear* linear : block.linears())
            for (LinearPart& part : linear->parts) {
                all[part.name + ".weight"] = {&linear->weight, part.begin, part.rows, part.lora.get()};
                if (linear->bias.defined())
                    all[part.name + ".bias"] = {&linear->bias, part.begin, part.rows, nullptr};
            }
    }
    return all;
}

Result<at::Tensor> finalValue(const ParameterPlace& place, const StoredTensor& stored) {
    const at::Tensor& reference = place.weight->trained ? place.weight->trained->value : place.weight->compute;
    const at::Tensor rows = place.rows < 0 ? reference : reference.narrow(0, place.begin, place.rows);
    at::Tensor value = at::empty(rows.sizes(), at::kFloat);
    if (place.weight->trained) {
        value.copy_(rows);
        if (stored.layout.offset != 0.0)
            value.sub_(stored.layout.offset);
    } else {
        StoredTensor asStored = stored;
        asStored.layout.offset = 0.0;
        ATTUNE_CHECK(readStored(asStored, value));
    }
    if (place.lora)
        value.add_(at::mm(place.lora->b.value.to(at::kCPU, at::kFloat), place.lora->a.value.to(at::kCPU, at::kFloat)),
                   place.lora->scale);
    return value;
}

} // namespace attune
