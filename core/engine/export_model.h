// A trained model written in one of the formats and compared with its reloaded copy; and the proof that an adapter does
// something. Engine thread.
#pragma once

#include "core/base/progress.h"
#include "core/engine/model_loader.h"
#include "core/run/engine.h"

namespace attune {

/// `trained` holds the checkpoint (adapters or masters), loaded in f32. format: an exporter's id; baseModelName goes into the adapter's
/// config. Files of the report are full paths. Errors: InvalidArgument (unknown format) and those of the exporter.
Result<ExportReport> exportModel(LoadedModel& trained, const std::string& format, const fs::path& folder,
                                 const std::string& baseModelName, const Progress& progress);

/// Base against tuned on the given rows of ids (the fixed texts when empty): `tuned` must hold an adapter; its switch is put back.
Result<AdapterProof> proveAdapter(LoadedModel& tuned, const std::vector<std::vector<std::int64_t>>& rows, std::stop_token stop);

} // namespace attune
