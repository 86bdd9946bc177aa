// Words of the Data station that several of its parts say. Pure functions.
#pragma once

#include <QString>

#include "core/data/sample.h"

namespace attune {

/// "conversations", "texts", "preference pairs" ...
QString kindWords(SampleKind kind);
/// "1 row", "1,184 rows".
QString rowsText(qint64 rows);
/// "System", "User", "Assistant", "Tool"; an unknown role as it is.
QString roleWords(const std::string& role);

} // namespace attune
