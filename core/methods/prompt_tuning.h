// Prompt tuning (Lester et al. 2021): some vectors in front of every row are trained, the model stays as it is. PEFT's options and
// names. The prompt takes room in the context and cannot be folded into the weights.
#pragma once

#include "core/methods/method.h"

namespace attune {

class PromptTuningMethod final : public Method {
public:
    PromptTuningMethod();
    const Described& description() const override { return m_description; }
    /// Params: num_virtual_tokens, init ("vocabulary", "random"; "text" needs attachWithText), init_text.
    Status attach(CausalLm& model, const ParamMap& params, std::uint64_t seed) const override;
    Status attachWithText(CausalLm& model, const ParamMap& params, std::uint64_t seed, const TextEncoder& encode) const override;
    std::vector<StateTensor> state(CausalLm& model) const override;
    Status load(CausalLm& model, const std::vector<StateTensor>& state) const override;
    Status merge(CausalLm& model) const override;
    bool producesAdapter() const override { return true; }

private:
    Described m_description;
};

} // namespace attune
