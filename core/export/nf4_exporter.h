// Exporter "nf4": a model folder whose linear weights lie in 4 bits, as transformers with bitsandbytes opens it.
#pragma once

#include "core/export/exporter.h"

namespace attune {

std::unique_ptr<Exporter> makeNf4Exporter();

} // namespace attune
