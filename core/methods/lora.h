// LoRA (Hu et al. 2021) and its variants, with PEFT's options and names: y = W x + scale * B A dropout(x), W frozen. DoRA
// (Liu et al. 2024) gives each row of W + scale * B A a trained length; with dropout the adapter's input alone is dropped.
// PiSSA (Meng et al. 2024) begins with the largest singular values of W, OLoRA (Bueyuekakyuez 2024) with an orthonormal basis of W's columns;
// W keeps the rest. Beside the adapters, embeddings, norms and head can be trained whole, or single rows of the embedding.
#pragma once

#include "core/methods/method.h"

namespace attune {

class LoraMethod final : public Method {
public:
    /// `onPackedWeights`: for a base in 4 bits, where PiSSA is not offered.
    explicit LoraMethod(bool onPackedWeights = false);
    const Described& description() const override { return m_description; }
    /// Params: r, alpha, dropout, target_modules, use_rslora, init, use_dora, rank_pattern, alpha_pattern, layers_to_transform,
    /// exclude_modules, modules_to_save, trainable_token_indices, loraplus_lr_ratio.
    Status attach(CausalLm& model, const ParamMap& params, std::uint64_t seed) const override;
    std::vector<StateTensor> state(CausalLm& model) const override;
    Status load(CausalLm& model, const std::vector<StateTensor>& state) const override;
    /// Rows of tokens become the base's. W += scale * B A in f32, with DoRA its rows brought to their length, rounded once; the adapters are taken off, so the model
    /// computes the same without them.
    Status merge(CausalLm& model) const override;
    bool producesAdapter() const override { return true; }

private:
    Described m_description;
};

} // namespace attune
