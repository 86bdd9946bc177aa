// Export of a run folder: load its result, write the format, reload what was written, compare. Engine thread.
#pragma once

#include <stop_token>

#include "core/run/export_request.h"
#include "core/run/train_request.h"

namespace attune {

/// See Engine::exportRun. Errors: NotFound (no finished result in the folder), InvalidArgument (unknown format, folder not empty), and those
/// of the exporter; after an error the output folder holds nothing of ours.
Result<ExportReport> exportRunFolder(const ExportRequest& request, std::stop_token stop, const Emit& emit);

} // namespace attune
