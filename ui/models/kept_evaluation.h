// What Evaluate measured of a run, kept in the project: scores, every answer, and when, on which rows and of which model they are.
// Values; any thread.
#pragma once

#include <optional>
#include <vector>

#include <QString>

#include "core/eval/before_after.h"

namespace attune {

class Project;

struct KeptEvaluation {
    qint64 time = 0; // milliseconds since 1970, UTC; 0 = kept by an earlier version, which did not say
    QString set;     // "Version 1 · customer_messages"
    QString model;   // folder of the base model
    std::vector<QString> prompts; // of the rows of `evaluation`
    BeforeAfter evaluation;       // without the values of each row
    bool isOlderThan(qint64 runFinished) const { return time > 0 && time < runFinished; } ///< the run went on afterwards
};

/// Replaces what was kept of this run before.
Status keepEvaluation(Project& project, qint64 runId, const KeptEvaluation& evaluation);
/// Nothing where nothing was measured. `withAnswers`: also prompts and answers, which may be some megabytes. Errors: InvalidData.
Result<std::optional<KeptEvaluation>> readEvaluation(Project& project, qint64 runId, bool withAnswers);
/// "Version 1 · customer_messages", "" where it is gone.
QString versionWords(Project& project, qint64 datasetVersion);

} // namespace attune
