// From a recipe to a request the engine can run: samples are read from files or from a project's frozen data version. Shared by the
// command line and the window.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/base/files.h"
#include "core/plan/estimate.h"
#include "core/run/train_request.h"

namespace attune {

struct RunSetup {
    TrainRequest request;
    std::vector<std::string> problems; // rows that could not be read, "row 17: ..."
};

/// Reads the recipe's data files; without a validation file takes data.validation_share of the rows (seeded by training.seed) for it.
/// Errors: what the importers say, InvalidData when nothing is left to train on.
Result<RunSetup> setUpRunFromFiles(const RunConfig& config, const fs::path& runFolder);

/// Tokens of the rows, counted with the model's tokenizer without its chat template; of many rows some hundred and the longest are
/// looked at.
Result<DataShape> shapeOfRows(const SampleSource& rows, const fs::path& model);

/// Where runs without a project keep token rows between runs: $XDG_CACHE_HOME/attune/tokens or ~/.cache/attune/tokens; empty when there is
/// no home folder. (XDG base directory specification)
fs::path userTokenCache();

/// Where the program's own resources lie: $ATTUNE_RESOURCES, ../share/attune beside the executable, or the source tree it was built from.
Result<fs::path> resourcesFolder();

} // namespace attune
