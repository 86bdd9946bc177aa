// Checking the settings of protections.
#pragma once

#include "core/base/param_spec.h"
#include "core/base/result.h"

namespace attune {

/// Every value against its spec, and no key without one. Errors: InvalidArgument.
Status checkSettings(const ParamMap& params, const Described& protection);

} // namespace attune
