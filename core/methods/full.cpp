#include "core/methods/full.h"

#include <ATen/ATen.h>

#include "core/methods/state_tensors.h"

namespace attune {

FullMethod::FullMethod() {
    m_description.id = "full";
    m_description.title = "Full fine-tuning";
    m_description.summary = "Every weight is trained: for small models and much data; needs the most memory.";
}

Status FullMethod::attach(CausalLm& model, const ParamMap&, std::uint64_t) const {
    try {
        model.trainAllWeights();
    } catch (const std::exception& exception) {
        return fail(ErrorCode::OutOfMemory,
                    std::string("Training every weight does not fit into memory: ") + exception.what(),
                    "Use LoRA, which trains a small adapter.");
    }
    return {};
}

std::vector<StateTensor> FullMethod::state(CausalLm& model) const {
    std::vector<StateTensor> tensors;
    const auto add = [&](const Weight& weight) {
        if (weight.trained)
            tensors.push_back({weight.name, weight.trained->value});
    };
    const auto addNorm = [&](const Norm& norm) { add(norm.weight), add(norm.bias); };
    add(model.embedding), add(model.positions);
    const auto addLinear = [&](const Linear& linear) {
        for (const LinearPart& part : linear.parts) {
            if (linear.weight.trained)
                tensors.push_back(
                    {part.name + ".weight", linear.weight.trained->value.narrow(0, part.begin, part.rows)});
            if (linear.bias.trained)
                tensors.push_back({part.name + ".bias", linear.bias.trained->value.narrow(0, part.begin, part.rows)});
        }
    };
    for (const Block& block : model.blocks)
        Block::visit(block, addNorm, addLinear);
    addNorm(model.finalNorm);
    add(model.head), add(model.headBias);
    return tensors;
}

Status FullMethod::load(CausalLm& model, const std::vector<StateTensor>& stored) const {
    ATTUNE_CHECK(copyState(stored, state(model)));
    model.refreshComputeWeights();
    return {};
}

Status FullMethod::merge(CausalLm&) const {
    return {};
}

} // namespace attune
