// The runs of a project that have a result, as Compare, Review and Ship need them. Values; any thread.
#pragma once

#include <memory>
#include <vector>

#include <QString>

#include "core/base/result.h"
#include "core/data/sample.h"
#include "core/plan/acceptance.h"
#include "core/plan/run_config.h"

namespace attune {

class Project;

struct FinishedRun {
    qint64 id = 0;
    QString name, folder; // folder: absolute
    QString model;        // the base model's folder
    qint64 datasetVersion = 0;
    qint64 finished = 0;   // milliseconds since 1970, UTC
    AcceptanceLimits asked = {}; // of its recipe
    QString label() const; // "Run 7 · finished 24/11/2026 10:12"
};

/// Newest first. Runs whose recipe cannot be read any more are left out.
Result<std::vector<FinishedRun>> finishedRuns(Project& project, const Catalog& catalog);

/// The rows no training saw: the test part of the version the run was trained on. Errors: InvalidData when that part is
/// empty.
Result<std::vector<Sample>> heldOutRows(Project& project, const FinishedRun& run, std::size_t atMost);

} // namespace attune
