// QLoRA (Dettmers et al. 2023): LoRA on a base whose linear weights lie in 4 bits (NF4, double quantisation) and are unpacked
// for each product; embeddings and head stay as they are, adapters are f32.
#pragma once

#include "core/methods/lora.h"

namespace attune {

class QloraMethod final : public Method {
public:
    QloraMethod();
    const Described& description() const override { return m_description; }
    /// Params as LoRA. Packs the linear weights that are not yet: better loaded so (linearFormat), then the model is never in
    /// memory in 16 bits.
    Status attach(CausalLm& model, const ParamMap& params, std::uint64_t seed) const override;
    std::vector<StateTensor> state(CausalLm& model) const override { return m_lora.state(model); }
    Status load(CausalLm& model, const std::vector<StateTensor>& state) const override { return m_lora.load(model, state); }
    /// The adapted layers are unpacked and leave the 4 bits: what was computed stays, what is saved is larger.
    Status merge(CausalLm& model) const override { return m_lora.merge(model); }
    bool producesAdapter() const override { return true; }
    LinearFormat linearFormat() const override { return LinearFormat::Nf4; }

private:
    LoraMethod m_lora{true};
    Described m_description;
};

} // namespace attune
