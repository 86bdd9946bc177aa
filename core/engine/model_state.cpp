#include "core/engine/model_state.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace attune {

namespace {

std::vector<Parameter*> headsOf(const CausalLm& model) {
    std::vector<Parameter*> heads;
    if (model.scoreHead)
        heads.push_back(model.scoreHead.get());
    if (model.valueHead)
        heads.insert(heads.end(), {&model.valueHead->weight, &model.valueHead->bias});
    return heads;
}

} // namespace

std::vector<StateTensor> modelState(const Method& method, CausalLm& model) {
    std::vector<StateTensor> state = method.state(model);
    for (const Parameter* head : headsOf(model))
        state.push_back({head->name, head->value});
    return state;
}

Status loadModelState(const Method& method, CausalLm& model, std::vector<StateTensor> state) {
    at::NoGradGuard noGrad;
    for (Parameter* head : headsOf(model)) {
        const auto stored = std::find_if(state.begin(), state.end(), [&](const StateTensor& tensor) { return tensor.name == head->name; });
        if (stored == state.end() || stored->tensor.sizes() != head->value.sizes())
            return fail(ErrorCode::InvalidData, "The stored state lacks the head " + head->name + ", or it has another size",
                        "The checkpoint belongs to another model or objective; start a new run.");
        head->value.copy_(stored->tensor);
        state.erase(stored);
    }
    return method.load(model, state);
}

} // namespace attune
