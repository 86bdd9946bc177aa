#include "core/protections/protection_settings.h"

#include "core/plan/param_check.h"

namespace attune {

Status checkSettings(const ParamMap& params, const Described& protection) {
    for (const auto& [key, value] : params) {
        const ParamSpec* spec = findParam(protection.params, key);
        if (!spec)
            return fail(ErrorCode::InvalidArgument, "The protection " + protection.id + " has no setting \"" + key + "\"", "Leave it out.");
        ATTUNE_CHECK(checkParam(*spec, value, "protection." + key));
    }
    return {};
}

} // namespace attune
