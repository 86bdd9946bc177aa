#include "ui/views/ship/export_log.h"

#include <QDateTime>
#include <QFileInfo>

#include "core/base/json.h"
#include "core/store/project.h"
#include "ui/bridge/qt_convert.h"

namespace attune {

namespace {
constexpr const char* kSetting = "ship.exports";
constexpr std::size_t kKept = 200;
} // namespace

std::vector<ExportEntry> readExportLog(Project& project) {
    std::vector<ExportEntry> entries;
    const auto text = project.setting(kSetting);
    if (!text || !*text)
        return entries;
    const auto json = parseJson(**text, kSetting);
    if (!json || !json->is_array())
        return entries;
    for (const Json& item : *json) {
        if (!item.is_object())
            continue;
        try {
            entries.push_back({qstr(item.value("run", "")), qstr(item.value("format", "")), qstr(item.value("folder", "")),
                               item.value("time", qint64(0)), item.value("bytes", qint64(0)), item.value("files", 0),
                               item.value("max_logit_difference", 0.0), item.value("token_agreement", 0.0),
                               item.value("compared_tokens", qint64(0)), qstr(item.value("verdict", "")), qstr(item.value("person", "")),
                               qstr(item.value("reason", ""))});
        } catch (const Json::exception&) {
            continue;
        }
    }
    return entries;
}

Status addToExportLog(Project& project, const ExportEntry& entry) {
    auto entries = readExportLog(project);
    entries.insert(entries.begin(), entry);
    if (entries.size() > kKept)
        entries.resize(kKept);
    Json json = Json::array();
    for (const ExportEntry& e : entries)
        json.push_back({{"run", sstr(e.run)},
                        {"format", sstr(e.format)},
                        {"folder", sstr(e.folder)},
                        {"time", e.time},
                        {"bytes", e.bytes},
                        {"files", e.files},
                        {"max_logit_difference", e.maxLogitDifference},
                        {"token_agreement", e.tokenAgreement},
                        {"compared_tokens", e.comparedTokens},
                        {"verdict", sstr(e.verdict)},
                        {"person", sstr(e.person)},
                        {"reason", sstr(e.reason)}});
    return project.setSetting(kSetting, json.dump());
}

Status writeEvidence(const fs::path& folder, const GateResult& gate, const ExportEntry& entry) {
    Json json = gateResultToJson(gate);
    json["run"] = sstr(entry.run);
    if (!entry.person.isEmpty())
        json["override"] = {{"person", sstr(entry.person)}, {"reason", sstr(entry.reason)}};
    std::error_code error;
    fs::create_directories(folder, error); // what an exporter wrote elsewhere; a fault shows below
    return writeFileAtomic(folder / "evidence.json", json.dump(1) + "\n");
}

ExportEntry makeExportEntry(const QString& run, const ExportRequest& request, const ExportReport& report) {
    ExportEntry entry;
    entry.run = run, entry.format = qstr(request.format), entry.folder = qstr(request.outputFolder);
    entry.time = QDateTime::currentMSecsSinceEpoch();
    for (const std::string& file : report.files)
        entry.bytes += QFileInfo(qstr(file)).size();
    entry.files = int(report.files.size());
    entry.maxLogitDifference = report.maxLogitDifference;
    entry.tokenAgreement = report.tokenAgreement;
    entry.comparedTokens = report.comparedTokens;
    return entry;
}

} // namespace attune
