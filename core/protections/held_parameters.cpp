#include "core/protections/held_parameters.h"

#include <algorithm>
#include <map>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/protections/protection.h"

namespace attune {

namespace {

constexpr std::int64_t kPiece = std::int64_t{1} << 18; // elements: stays in the cache

} // namespace

Result<std::vector<HeldParameter>> holdParameters(CausalLm& model, const std::function<bool(const Parameter&)>& wanted) {
    at::NoGradGuard noGrad;
    try {
        std::vector<HeldParameter> held;
        for (Parameter* parameter : model.trainable())
            if (parameter != model.scoreHead.get() && wanted(*parameter))
                held.push_back({parameter, parameter->value.contiguous().clone(), {}});
        return held;
    } catch (const std::exception& exception) {
        return fail(ErrorCode::OutOfMemory, std::string("The copy of the weights for the protection does not fit into memory: ") + exception.what(),
                    "Choose LoRA, or the protection replay, which needs no copy.");
    }
}

double pullBack(const HeldParameter& held, double strength) {
    const Parameter& parameter = *held.parameter;
    const at::Tensor value = parameter.value.contiguous().view({-1}), start = held.start.view({-1});
    const at::Tensor weight = held.weight.defined() ? held.weight.view({-1}) : at::Tensor();
    const bool inPlace = parameter.grad.is_contiguous();
    const at::Tensor gradient = inPlace ? parameter.grad.view({-1}) : at::zeros_like(value);
    double sum = 0;
    for (std::int64_t begin = 0; begin < value.numel(); begin += kPiece) {
        const std::int64_t count = std::min(kPiece, value.numel() - begin);
        const at::Tensor moved = value.narrow(0, begin, count) - start.narrow(0, begin, count);
        const at::Tensor pull = weight.defined() ? moved * weight.narrow(0, begin, count) : moved;
        sum += at::dot(moved, pull).item<double>();
        gradient.narrow(0, begin, count).add_(pull, strength);
    }
    if (!inPlace)
        parameter.grad.add_(gradient.view(parameter.grad.sizes()));
    return sum;
}

FisherDiagonal emptyFisher(CausalLm& model) {
    std::map<const Parameter*, std::int64_t> factors; // of adapters: how many sums
    for (const LinearPart* part : model.linearParts())
        if (part->lora)
            factors[&part->lora->a] = part->lora->a.value.size(1), factors[&part->lora->b] = part->lora->b.value.size(0);
    FisherDiagonal fisher;
    for (const Parameter* parameter : model.trainable()) {
        const auto found = factors.find(parameter);
        fisher.push_back(found == factors.end() ? at::zeros(parameter->value.sizes(), parameter->value.options())
                                                : at::zeros({found->second}, parameter->value.options()));
    }
    return fisher;
}

std::vector<at::Tensor> startsOf(const std::vector<HeldParameter>& held) {
    std::vector<at::Tensor> tensors;
    for (const HeldParameter& one : held) {
        tensors.push_back(one.start);
        if (one.weight.defined())
            tensors.push_back(one.weight);
    }
    return tensors;
}

} // namespace attune
