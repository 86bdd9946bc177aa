// Replay: general data is mixed into every step, so that the model practises what it should not forget.
#pragma once

#include "core/protections/protection.h"

namespace attune {

/// L = L_task + s / (1 - s) * L_general, where L_general is the mean log-loss of the step's general rows and s their share of the step's
/// tokens: the share of tokens is the share of the loss, whatever the objective (Rolnick et al. 2019 for the mix).
class ReplayProtection final : public Protection {
public:
    ReplayProtection();
    const Described& description() const override { return m_description; }
    /// Params: share, l2_sp_strength.
    Result<std::unique_ptr<Protection>> configured(const ParamMap& params) const override;
    ProtectionNeeds needs() const override;
    Result<std::unique_ptr<Penalty>> penalty(CausalLm& model, const FisherDiagonal* fisher) const override;

private:
    Described m_description;
    double m_share = 0.15, m_pull = 0;
};

} // namespace attune
