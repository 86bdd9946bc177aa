// Adapters that see only what general text hardly uses: each LoRA matrix A is held at right angles to the directions in which general data
// moves its layer's input, so that the adapter answers such data with almost nothing, whatever it learns. The approximate null space of the
// inputs' uncentred covariance, as Adam-NSCL (Wang et al. 2021, "Training Networks in Null Space of Feature Covariance for Continual
// Learning") takes it for whole weights and LoRA-Null (Tang et al. 2025) for where adapters begin; here A is brought back after every update.
#pragma once

#include "core/protections/protection.h"

namespace attune {

class NullSpaceProtection final : public Protection {
public:
    NullSpaceProtection();
    const Described& description() const override { return m_description; }
    Result<std::unique_ptr<Protection>> configured(const ParamMap& params) const override;
    ProtectionNeeds needs() const override;
    Result<std::unique_ptr<Constraint>> constraint(CausalLm& model, const InputBases& bases) const override;
    Copies copies() const override { return {.inputBases = true}; }

private:
    Described m_description;
    double m_quietShare = 0.05;
    std::int64_t m_rows = 200;
};

} // namespace attune
