// The exports made in a project, kept in its settings, so that the list is there again tomorrow. Values; any thread.
#pragma once

#include <vector>

#include <QString>

#include "core/base/result.h"
#include "core/run/engine.h"

namespace attune {

class Project;

struct ExportEntry {
    QString run, format, folder;
    qint64 time = 0; // milliseconds since 1970, UTC
    qint64 bytes = 0;
    int files = 0;
    double maxLogitDifference = 0, tokenAgreement = 0;
    qint64 comparedTokens = 0;
};

/// Newest first. A damaged record counts as none.
std::vector<ExportEntry> readExportLog(Project& project);
Status addToExportLog(Project& project, const ExportEntry& entry);
/// What an export report says about files on the disk.
ExportEntry makeExportEntry(const QString& run, const ExportRequest& request, const ExportReport& report);

} // namespace attune
