// Progressive blocks (block expansion: Wu et al. 2024, "LLaMA Pro"): the model gets new blocks between its own, which stay frozen.
#pragma once

#include "core/methods/method.h"

namespace attune {

/// After equal stretches of blocks stands a copy of the stretch's last block whose output projections (or the norms behind them) are zero:
/// the gate through which the new block comes in. At the start the deeper model computes what the base computes, to the bit; only the new
/// blocks are trained. The result is a whole, deeper model.
class ProgressiveMethod final : public Method {
public:
    ProgressiveMethod();
    const Described& description() const override { return m_description; }
    /// Params: new_blocks. Errors also: Unsupported (a model whose blocks differ by their number, or one in 4 bits).
    Status attach(CausalLm& model, const ParamMap& params, std::uint64_t seed) const override;
    std::vector<StateTensor> state(CausalLm& model) const override;
    Status load(CausalLm& model, const std::vector<StateTensor>& state) const override;
    Status merge(CausalLm&) const override { return {}; }
    bool producesAdapter() const override { return false; }

private:
    Described m_description;
};

} // namespace attune
