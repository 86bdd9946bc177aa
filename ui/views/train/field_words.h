// Places of a recipe ("training.learning_rate") in the words of the form. Plain functions.
#pragma once

#include <QString>

#include "core/plan/run_config.h"

namespace attune {

/// "Learning rate" for "training.learning_rate", of the parts that `config` chooses; the path itself where nobody has a word for it.
QString fieldLabel(const QString& path, const RunConfig& config, const Catalog& catalog);
/// "Learning rate: 0.0001" for "training.learning_rate=0.0001".
QString assignmentWords(const QString& assignment, const RunConfig& config, const Catalog& catalog);
/// A complaint's sentence without the recipe's path in brackets, which the form has no use for.
QString withoutPath(const Complaint& complaint);

} // namespace attune
