// A frozen version as a new dataset of another kind, frozen itself: how rows get ready for another objective. Any thread.
#pragma once

#include <string>

#include "core/store/dataset_store.h"

namespace attune {

/// Rows that have nothing to give are left out; splits and tags stay. Errors: InvalidArgument when no row of the version can
/// become one of that kind; Cancelled; nothing is left then.
Result<DatasetVersion> convertDataset(DatasetStore& store, std::int64_t versionId, SampleKind to, const std::string& name,
                                      const Progress& progress = {});

} // namespace attune
