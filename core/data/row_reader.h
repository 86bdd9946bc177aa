// One row of a file, as JSON, to one sample by a mapping. Pure; a row that does not fit says which field and why.
#pragma once

#include <tl/expected.hpp>

#include "core/data/mapping.h"

namespace attune {

/// The problem's row and line are left 0 for the caller. The sample has no id yet (see SampleIds) and no source row.
tl::expected<Sample, ImportProblem> toSample(const Json& row, const Mapping& mapping);

} // namespace attune
