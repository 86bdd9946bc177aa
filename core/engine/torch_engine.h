// The training engine's torch-free face: what app/ includes, and nothing else of core/engine.
#pragma once

#include <memory>

#include "core/run/engine.h"

namespace attune {

/// Sets the number of threads, the BLAS and the wait policy once, then hands out the engine. All its calls must come from one
/// thread at a time.
std::unique_ptr<Engine> makeTorchEngine();

/// To be called first thing in main(). Some settings are read by libraries before main() begins (how OpenMP's threads wait): when they are
/// not set yet, sets them and starts the program once more in the same process.
void prepareProcessForEngine(char** arguments);

} // namespace attune
