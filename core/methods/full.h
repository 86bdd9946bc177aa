// Full fine-tuning: every weight of the model is trained, or all but some blocks and the embeddings.
#pragma once

#include "core/methods/method.h"

namespace attune {

class FullMethod final : public Method {
public:
    FullMethod();
    const Described& description() const override { return m_description; }
    /// Params: frozen_layers, freeze_embeddings.
    Status attach(CausalLm& model, const ParamMap& params, std::uint64_t seed) const override;
    /// The masters of all weights under their canonical names (the parts of a fused weight as views of it).
    std::vector<StateTensor> state(CausalLm& model) const override;
    Status load(CausalLm& model, const std::vector<StateTensor>& state) const override;
    Status merge(CausalLm& model) const override;
    bool producesAdapter() const override { return false; }

private:
    Described m_description;
};

} // namespace attune
