#include "core/export/final_weights.h"

#include <ATen/ATen.h>

namespace attune {

std::map<std::string, ParameterPlace> parameterPlaces(CausalLm& model) {
    std::map<std::string, ParameterPlace> all;
    const auto add = [&](Weight& weight) {
        if (weight.defined())
            all[weight.name] = {&weight};
    };
    add(model.embedding), add(model.positions), add(model.finalNorm.weight), add(model.finalNorm.bias);
    add(model.headBias);
    all[model.embedding.name].tokens = model.tokenRows.get();
    if (!model.config().tiedHead)
        add(model.head);
    for (Block& block : model.blocks) {
        for (Norm* norm : block.norms())
            add(norm->weight), add(norm->bias);
        for (Linear* linear : block.linears())
            for (LinearPart& part : linear->parts) {
                all[part.name + ".weight"] = {&linear->weight, part.begin, part.rows, part.lora.get(), linear->packed ? linear : nullptr, true};
                if (linear->bias.defined())
                    all[part.name + ".bias"] = {&linear->bias, part.begin, part.rows, nullptr};
            }
    }
    return all;
}

Status checkMergeable(const CausalLm& model) {
    if (model.prompt)
        return fail(ErrorCode::InvalidArgument, "A trained prompt cannot be folded into the model's weights", "Export the adapter.");
    return {};
}

namespace {

// What the adapter, or nothing, is added to.
Result<at::Tensor> valueBefore(const ParameterPlace& place, const StoredTensor& stored) {
    if (place.packed) {
        at::Tensor value = at::empty({place.rows, place.packed->inFeatures()}, at::kFloat);
        place.packed->readRows(place.begin, value);
        return value;
    }
    const at::Tensor& reference = place.weight->trained ? place.weight->trained->value : place.weight->compute;
    const at::Tensor rows = place.rows < 0 ? reference : reference.narrow(0, place.begin, place.rows);
    at::Tensor value = at::empty(rows.sizes(), at::kFloat);
    if (place.weight->trained) {
        value.copy_(rows);
        if (stored.layout.offset != 0.0)
            value.sub_(stored.layout.offset);
        return value;
    }
    StoredTensor asStored = stored;
    asStored.layout.offset = 0.0;
    ATTUNE_CHECK(readStored(asStored, value));
    return value;
}

} // namespace

Result<at::Tensor> finalValue(const ParameterPlace& place, const StoredTensor& stored) {
    ATTUNE_ASSIGN(at::Tensor value, valueBefore(place, stored));
    if (place.lora) {
        const auto product = [](const at::Tensor& b, const at::Tensor& a) { return at::mm(b.to(at::kCPU, at::kFloat), a.to(at::kCPU, at::kFloat)); };
        value.add_(product(place.lora->b.value, place.lora->a.value), place.lora->scale);
        if (place.lora->startA.defined()) // the stored weight still has what the adapter began with
            value.sub_(product(place.lora->startB, place.lora->startA), place.lora->scale);
        if (place.lora->magnitude.value.defined())
            value.mul_((place.lora->magnitude.value.to(at::kCPU, at::kFloat) / value.norm(2, 1)).unsqueeze(1));
    }
    if (place.tokens)
        value.index_copy_(0, place.tokens->index.to(at::kCPU), place.tokens->values.value.to(at::kCPU, at::kFloat));
    return value;
}

} // namespace attune
