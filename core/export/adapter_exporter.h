// Exporter "adapter": the LoRA layers alone, in PEFT's layout.
#pragma once

#include "core/export/exporter.h"

namespace attune {

std::unique_ptr<Exporter> makeAdapterExporter();

} // namespace attune
