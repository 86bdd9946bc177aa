#include "core/methods/state_tensors.h"

#include <map>
#include <sstream>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace attune {

namespace {

std::string shapeOf(const at::Tensor& tensor) {
    std::ostringstream text;
    text << tensor.sizes();
    return text.str();
}

} // namespace

Status copyState(const std::vector<StateTensor>& stored, const std::vector<StateTensor>& into) {
    const char* hint = "The checkpoint belongs to another model or to other settings of the method.";
    std::map<std::string_view, const at::Tensor*> byName;
    for (const StateTensor& tensor : stored)
        if (!byName.emplace(tensor.name, &tensor.tensor).second)
            return fail(ErrorCode::InvalidData, "The stored state has \"" + tensor.name + "\" twice.", hint);
    for (const StateTensor& target : into) {
        const auto found = byName.find(target.name);
        if (found == byName.end())
            return fail(ErrorCode::InvalidData, "The stored state lacks \"" + target.name + "\".", hint);
        if (found->second->sizes() != target.tensor.sizes())
            return fail(ErrorCode::InvalidData,
                        "\"" + target.name + "\" has the shape " + shapeOf(*found->second) + " where " +
                            shapeOf(target.tensor) + " belongs.",
                        hint);
    }
    if (byName.size() != into.size())
        for (const StateTensor& tensor : stored) {
            bool known = false;
            for (const StateTensor& target : into)
                known |= target.name == tensor.name;
            if (!known)
                return fail(ErrorCode::InvalidData, "The stored state has an unknown tensor \"" + tensor.name + "\".",
                            hint);
        }
    at::NoGradGuard noGrad;
    for (const StateTensor& target : into)
        target.tensor.copy_(*byName.at(target.name));
    return {};
}

std::vector<StateTensor> trainedWeights(const CausalLm& model) {
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

} // namespace attune
