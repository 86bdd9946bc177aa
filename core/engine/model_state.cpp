#include "core/engine/model_state.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace attune {

std::vector<StateTensor> modelState(const Method& method, CausalLm& model) {
    std::vector<StateTensor> state = method.state(model);
    if (model.scoreHead)
        state.push_back({model.scoreHead->name, model.scoreHead->value});
    return state;
}

Status loadModelState(const Method& method, CausalLm& model, std::vector<StateTensor> state) {
    if (!model.scoreHead)
        return method.load(model, state);
    const auto score = std::find_if(state.begin(), state.end(),
                                    [&](const StateTensor& tensor) { return tensor.name == model.scoreHead->name; });
    if (score == state.end() || score->tensor.sizes() != model.scoreHead->value.sizes())
        return fail(ErrorCode::InvalidData, "The stored state lacks the reward model's score head, or it has another size",
                    "The checkpoint belongs to another model or objective; start a new run.");
    at::NoGradGuard noGrad;
    model.scoreHead->value.copy_(score->tensor);
    state.erase(score);
    return method.load(model, state);
}

} // namespace attune
