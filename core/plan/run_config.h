// A training recipe: everything that determines a run. The form, the YAML file, the command line's --set and the run
// record are views of this one value.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/files.h"
#include "core/base/param_spec.h"
#include "core/base/result.h"
#include "core/plan/catalog.h"

namespace attune {

struct Choice {
    std::string id;  // of a registry entry
    ParamMap params; // only what differs from the defaults
    bool operator==(const Choice&) const = default;
};

struct DataChoice {
    // Either files (command line, portable recipes; relative to the recipe's folder) ...
    std::string train, validation, test;
    std::string general;          // texts and conversations the model should not forget: measured, and mixed in by some protections
    std::string format;           // importer mapping id, "" = detect
    double validationShare = 0.1; // taken from train (seeded) when no validation file is given
    // ... or a frozen version in the project's store.
    std::int64_t datasetVersion = 0;
    bool operator==(const DataChoice&) const = default;
};

struct RunConfig {
    std::string name;
    std::string model; // Hugging Face folder
    std::string start = {}; // folder of another run's checkpoint whose weights this one begins with; "" = the model as it is
    DataChoice data;
    Choice method{"lora", {}};
    Choice objective{"sft", {}};
    Choice optimizer{"adamw", {}};
    Choice schedule{"cosine", {}};
    Choice protection{"none", {}}; // against forgetting
    ParamMap training; // keys of trainingParams()
    bool operator==(const RunConfig&) const = default;
};

/// The keys of a recipe's section data, in the order of help texts.
const std::vector<std::string>& dataKeys();

/// YAML (a superset of JSON) with sections model, data, method, objective, optimizer, schedule, protection, training; `id` names
/// the choice inside a section, all other keys are its params. Errors: InvalidData with line; unknown keys and values
/// out of range are named with what is allowed.
Result<RunConfig> parseRunConfig(std::string_view yaml, const Catalog& catalog, std::string_view what);
Result<RunConfig> readRunConfig(const fs::path& file,
                                const Catalog& catalog); // relative paths resolved against the file's folder
/// Makes paths that are relative to `folder` absolute: a run keeps its recipe in a folder of its own, where it has to mean the same.
void resolvePaths(RunConfig& config, const fs::path& folder);
std::string toYaml(const RunConfig& config);
/// "training.learning_rate=1e-4", "method.id=full", "lora.r=8" style assignment (section.key=value).
Status setByPath(RunConfig& config, std::string_view assignment, const Catalog& catalog);

/// One thing wrong with a recipe; the form jumps to `field` ("method.r", "training.batch_size", "model").
struct Complaint {
    enum class Severity { Error, Warning } severity = Severity::Error;
    std::string field, message, hint;
};
/// Checks ids, ranges and types against the catalog; touches no file. `hiddenSize` of the model, 0 = unknown: what learning
/// rate is too high depends on it. Settings are named "Rank (r) (method.r)".
std::vector<Complaint> checkRunConfig(const RunConfig& config, const Catalog& catalog, std::int64_t hiddenSize = 0);

} // namespace attune
