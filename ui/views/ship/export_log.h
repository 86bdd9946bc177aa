// The exports made in a project, kept in its settings, so that the list is there again tomorrow. Values; any thread.
#pragma once

#include <vector>

#include <QString>

#include "core/base/files.h"
#include "core/base/result.h"
#include "core/eval/gate.h"
#include "core/run/export_request.h"

namespace attune {

class Project;

struct ExportEntry {
    QString run, format, folder;
    qint64 time = 0; // milliseconds since 1970, UTC
    qint64 bytes = 0;
    int files = 0;
    double maxLogitDifference = 0, tokenAgreement = 0;
    qint64 comparedTokens = 0;
    QString verdict;        // gateVerdictId, "" = of an earlier version
    QString person, reason; // of an override, "" = none was needed
};

/// Newest first. A damaged record counts as none.
std::vector<ExportEntry> readExportLog(Project& project);
Status addToExportLog(Project& project, const ExportEntry& entry);
/// evidence.json beside the exported files: what was known of the run, and who exported it all the same and why.
Status writeEvidence(const fs::path& folder, const GateResult& gate, const ExportEntry& entry);
/// What an export report says about files on the disk.
ExportEntry makeExportEntry(const QString& run, const ExportRequest& request, const ExportReport& report);

} // namespace attune
