// Exporter "merged": a whole model folder in Hugging Face layout with the training folded into the weights.
#pragma once

#include "core/export/exporter.h"

namespace attune {

std::unique_ptr<Exporter> makeMergedExporter();
/// With another size at which the weights are split into several files (tests).
std::unique_ptr<Exporter> makeMergedExporter(std::uint64_t shardBytes);

} // namespace attune
