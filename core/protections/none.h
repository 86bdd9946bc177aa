// No protection: the model may forget what the task does not need.
#pragma once

#include "core/protections/protection.h"

namespace attune {

class NoProtection final : public Protection {
public:
    NoProtection();
    const Described& description() const override { return m_description; }
    Result<std::unique_ptr<Protection>> configured(const ParamMap& params) const override;

private:
    Described m_description;
};

} // namespace attune
