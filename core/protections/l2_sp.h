// L2-SP (Li, Grandvalet and Davoine 2018): a spring between the weights and where they started.
#pragma once

#include "core/protections/protection.h"

namespace attune {

/// L + (alpha / 2) ||theta - theta_0||^2 over what is trained of the model. Of a LoRA adapter the change of the weight counts,
/// ||s (B A - B_0 A_0)||^2 (B_0 A_0 = 0 but for PiSSA), which needs no copy: ||B A||^2 = tr((B^T B)(A A^T)). DoRA's magnitudes and
/// trained prompts are held as they are. A new score head is free.
class L2SpProtection final : public Protection {
public:
    L2SpProtection();
    const Described& description() const override { return m_description; }
    /// Params: strength.
    Result<std::unique_ptr<Protection>> configured(const ParamMap& params) const override;
    Result<std::unique_ptr<Penalty>> penalty(CausalLm& model, const FisherDiagonal* fisher) const override;
    Copies copies() const override { return {1, 0}; }

private:
    Described m_description;
    double m_strength = 0;
};

/// Its penalty alone, for protections that hold the weights besides what else they do; null at strength 0.
Result<std::unique_ptr<Penalty>> l2SpPenalty(CausalLm& model, double strength);
/// Their setting of it, 0 at first, under the key that core/plan counts memory by.
ParamSpec l2SpStrengthParam();

} // namespace attune
