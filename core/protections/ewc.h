// Elastic weight consolidation (Kirkpatrick et al. 2017): a spring for each weight, as strong as general data needs that weight.
#pragma once

#include "core/protections/protection.h"

namespace attune {

/// L + (lambda / 2) sum_i F_i (theta_i - theta_0,i)^2, F the diagonal Fisher matrix at the start (core/engine/fisher.h) per token of general
/// data. Of a LoRA adapter the change of the weight counts, sum_ij F_ij (s (B A - B_0 A_0))_ij^2 with the weight's own Fisher matrix in two
/// factors (see FisherDiagonal): of A and B themselves only B would be held, as A moves nothing while B = 0. A new score head is free.
class EwcProtection final : public Protection {
public:
    EwcProtection();
    const Described& description() const override { return m_description; }
    /// Params: strength, rows.
    Result<std::unique_ptr<Protection>> configured(const ParamMap& params) const override;
    ProtectionNeeds needs() const override;
    Result<std::unique_ptr<Penalty>> penalty(CausalLm& model, const FisherDiagonal* fisher) const override;
    Copies copies() const override { return {2, 0}; } // of adapters two vectors each

private:
    Described m_description;
    double m_strength = 0;
    std::int64_t m_rows = 0;
};

} // namespace attune
