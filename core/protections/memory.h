// Memory: a buffer of rows of earlier runs is mixed into every step, so that one task after the other is learned without losing the
// first ones. Every finished run adds its own rows to the buffer, which stays a uniform sample of all rows ever seen.
#pragma once

#include "core/protections/protection.h"

namespace attune {

/// The loss is that of ReplayProtection, over the buffer's rows.
class MemoryProtection final : public Protection {
public:
    MemoryProtection();
    const Described& description() const override { return m_description; }
    /// Params: share, rows, file, l2_sp_strength.
    Result<std::unique_ptr<Protection>> configured(const ParamMap& params) const override;
    ProtectionNeeds needs() const override { return m_needs; }
    Result<std::unique_ptr<Penalty>> penalty(CausalLm& model, const FisherDiagonal* fisher) const override;

private:
    Described m_description;
    ProtectionNeeds m_needs;
    double m_pull = 0;
};

} // namespace attune
