// The training engine's torch-free face: what app/ includes, and nothing else of core/engine.
#pragma once

#include <memory>

#include "core/run/engine.h"

namespace attune {

/// Sets the number of threads, the BLAS and the wait policy once, then hands out the engine. All its calls must come from one
/// thread at a time.
std::unique_ptr<Engine> makeTorchEngine();

/// To be called first thing in main(), before libtorch is touched: environment that is read only once (instruction set, OpenMP waiting).
void prepareProcessForEngine();

} // namespace attune
