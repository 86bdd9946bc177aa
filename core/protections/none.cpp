#include "core/protections/none.h"

#include "core/protections/protection_settings.h"

namespace attune {

NoProtection::NoProtection() {
    m_description.id = "none";
    m_description.title = "None";
    m_description.summary = "The model learns the task alone, and may forget other things.";
}

Result<std::unique_ptr<Protection>> NoProtection::configured(const ParamMap& params) const {
    ATTUNE_CHECK(checkSettings(params, m_description));
    return std::make_unique<NoProtection>();
}

} // namespace attune
