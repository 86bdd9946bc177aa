#include "core/nn/adapter_state.h"

#include <utility>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace attune {

void exchangeAdapters(CausalLm& model, AdapterState& state) {
    at::NoGradGuard noGrad;
    const std::vector<LinearPart*> parts = model.linearParts();
    state.lora.resize(parts.size());
    for (std::size_t i = 0; i < parts.size(); ++i)
        std::swap(parts[i]->lora, state.lora[i]);
    std::swap(model.prompt, state.prompt);
    if (model.tokenRows)
        model.embedding.compute.index_copy_(0, model.tokenRows->index, model.tokenRows->base);
    std::swap(model.tokenRows, state.tokenRows);
    std::swap(model.scoreHead, state.scoreHead);
    std::swap(model.valueHead, state.valueHead);
    model.prepareAdapters();
    model.refreshComputeWeights();
}

} // namespace attune
