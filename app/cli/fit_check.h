// attune-cli train --fit and --check: makes a recipe fit into the memory, and measures two real steps of it.
#pragma once

#include "app/cli/cli.h"
#include "core/plan/run_config.h"

namespace attune::cli {

struct FitCheckOptions {
    bool check = false, fit = false, noCache = false;
};
/// Changes `config` when asked to fit it. False: there is nothing more to do (it was only checked). Errors: OutOfMemory when
/// nothing makes it fit; those of reading model and data, and of Engine::measureSteps.
Result<bool> fitAndCheck(RunConfig& config, const FitCheckOptions& options, Cli& cli);

} // namespace attune::cli
