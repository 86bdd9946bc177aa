#include "core/nn/causal_lm.h"

#include <ATen/ATen.h>

#include "core/nn/random_weights.h"

namespace attune {

// f(name, tensor, linear, part): every base parameter in order; of packed weights `linear` and `part`, no tensor.
template <class F>
void CausalLm::visitBase(F&& f) {
    const auto add = [&](const Weight& weight) {
        if (weight.defined())
            f(weight.name, weight.compute, nullptr, nullptr);
    };
    const auto addLinear = [&](Linear& linear) {
        for (LinearPart& part : linear.parts) {
            if (linear.packed)
                f(part.name + ".weight", at::Tensor(), &linear, &part);
            else
                f(part.name + ".weight", linear.weight.compute.narrow(0, part.begin, part.rows), nullptr, nullptr);
            if (linear.bias.defined())
                f(part.name + ".bias", linear.bias.compute.narrow(0, part.begin, part.rows), nullptr, nullptr);
        }
    };
    add(embedding);
    add(positions);
    const auto addNorm = [&](const Norm& norm) { add(norm.weight), add(norm.bias); };
    for (Block& block : blocks)
        Block::visit(block, addNorm, addLinear);
    addNorm(finalNorm);
    if (!m_config.tiedHead)
        add(head);
    add(headBias);
}

std::vector<CausalLm::NamedTensor> CausalLm::baseTensors() const {
    std::vector<NamedTensor> tensors;
    const_cast<CausalLm*>(this)->visitBase( // the visitor only reads
        [&](const std::string& name, const at::Tensor& tensor, const Linear*, const LinearPart*) {
            if (tensor.defined())
                tensors.push_back({name, tensor});
        });
    return tensors;
}

void CausalLm::initializeRandom(std::uint64_t seed) {
    std::uint64_t number = 0;
    visitBase([&](const std::string& name, const at::Tensor& tensor, Linear* linear, LinearPart* part) {
        ++number;
        if (!linear)
            return randomWeight(name, tensor, m_config.layers, seed, number);
        const at::Tensor whole = at::empty({part->rows, linear->in}, m_settings.dtype);
        randomWeight(name, whole, m_config.layers, seed, number);
        part->nf4 = std::make_unique<Nf4Matrix>(quantizeNf4(whole));
    });
    for (Weight* weight : weights()) // masters follow; a no-op where they are the same memory
        if (weight->trained)
            weight->trained->value.copy_(weight->compute);
}

std::vector<Weight*> CausalLm::weights() {
    std::vector<Weight*> all;
    const auto add = [&](Weight& weight) {
        if (weight.defined())
            all.push_back(&weight);
    };
    add(embedding), add(positions);
    const auto addBoth = [&](auto& layer) { add(layer.weight), add(layer.bias); };
    for (Block& block : blocks)
        Block::visit(block, addBoth, addBoth);
    addBoth(finalNorm);
    if (!m_config.tiedHead)
        add(head);
    add(headBias);
    return all;
}

std::vector<LinearPart*> CausalLm::linearParts() {
    std::vector<LinearPart*> parts;
    for (Block& block : blocks)
        for (Linear* linear : block.linears())
            for (LinearPart& part : linear->parts)
                parts.push_back(&part);
    return parts;
}

} // namespace attune
