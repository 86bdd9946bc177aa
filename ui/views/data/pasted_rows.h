// Text from the clipboard as a file that the importers can read: JSON Lines, JSON, CSV or the tab-separated cells of a
// spreadsheet. Any thread.
#pragma once

#include <memory>

#include <QString>

#include "core/base/result.h"

class QTemporaryFile;

namespace attune {

/// The file lives as long as the object. Errors: InvalidArgument when there is no text, Io.
Result<std::unique_ptr<QTemporaryFile>> writePastedRows(const QString& text);

} // namespace attune
