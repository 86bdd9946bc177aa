// Checkpoints that survive a kill or a power cut at any moment: tensors and state first, manifest.json (sizes and hashes) last.
// A folder without a valid manifest does not exist. safetensors only. Engine thread.
//
//   <run>/checkpoints/step-000120/{model.safetensors, optimizer.safetensors, state.json, manifest.json}
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/methods/method.h"
#include "core/optim/optimizer.h"

namespace attune {

/// Everything besides tensors that the continuation of a run depends on. Random numbers are counter-based and the order of
/// rows is a function of (seed, epoch), so `step` alone fixes the position in both.
struct TrainProgress {
    std::int64_t step = 0; // optimizer steps done
    std::int64_t optimizerSteps = 0; // updates applied (refused steps do not count)
    double bestLoss = 0;
    std::int64_t bestStep = -1; // -1: nothing measured yet
    std::map<std::string, double> bestMetrics; // of the validation at that step
    std::int64_t evaluationsWithoutGain = 0;
    bool measuringDue = true; // this step's validation and samples are still to come: at the start, and after a stop in their midst
    std::vector<std::int64_t> refusedSteps; // steps refused for NaN / Inf
    double generalBefore = -1, generalAfter = -1; // loss on the general data: base, and the weights that would be used; -1: not measured
    std::int64_t tokens = 0;
    double seconds = 0;
    bool finished = false;
    std::map<std::string, double> carried; // numbers that the objective and the measuring of rewards keep from step to step
    // Identity of what the run stands on; a resume with another identity is refused in words.
    std::string identity;
    bool operator==(const TrainProgress&) const = default;
};

struct Checkpoint {
    fs::path folder;
    TrainProgress progress;
};

/// Writes one checkpoint. Checks the free space first. Errors: OutOfSpace, Io, Numerical (a tensor holds NaN or Inf, named).
/// Whatever happens, older checkpoints are untouched.
Result<Checkpoint> saveCheckpoint(const fs::path& runFolder, const TrainProgress& progress, const std::vector<StateTensor>& model,
                                  Optimizer& optimizer);
/// The newest checkpoint whose manifest is valid, or nothing. Broken ones are skipped.
std::optional<Checkpoint> latestCheckpoint(const fs::path& runFolder);
std::optional<Checkpoint> checkpointAt(const fs::path& runFolder, std::int64_t step);
/// Reads the tensors back into those of the method's state and of `optimizer` (may be null: weights only); then the method
/// has to take its state over (Method::load). Errors: as readTensorsInto.
Status loadCheckpoint(const Checkpoint& checkpoint, const std::vector<StateTensor>& model, Optimizer* optimizer);
/// Deletes all but the newest `keep` and the best one, and leftovers of interrupted writes.
void pruneCheckpoints(const fs::path& runFolder, int keep, std::int64_t bestStep);

/// Tensors as a safetensors file (F32, F64, BF16); used for checkpoints and by tests.
Status writeTensors(const fs::path& path, const std::vector<StateTensor>& tensors);
/// Reads a whole file straight into these tensors: a second copy of a large model or its moments may not fit into memory.
/// Errors: InvalidData (another set of names or other shapes; then nothing was read), Io.
Status readTensorsInto(const fs::path& path, const std::vector<StateTensor>& tensors);

} // namespace attune
