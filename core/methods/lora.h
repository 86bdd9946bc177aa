// LoRA (Hu et al. 2021), with PEFT's options and names: y = W x + scale * B A dropout(x), W frozen.
#pragma once

#include "core/methods/method.h"

namespace attune {

class LoraMethod final : public Method {
public:
    LoraMethod();
    const Described& description() const override { return m_description; }
    /// Params: r, alpha, dropout, target_modules, use_rslora, init, loraplus_lr_ratio.
    Status attach(CausalLm& model, const ParamMap& params, std::uint64_t seed) const override;
    std::vector<StateTensor> state(CausalLm& model) const override;
    Status load(CausalLm& model, const std::vector<StateTensor>& state) const override;
    /// W += scale * B A in f32, rounded once; the adapters are taken off, so the model computes the same without them.
    Status merge(CausalLm& model) const override;
    bool producesAdapter() const override { return true; }

private:
    Described m_description;
};

} // namespace attune
