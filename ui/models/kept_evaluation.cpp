#include "ui/models/kept_evaluation.h"

#include <QObject>

#include "core/eval/run_evidence.h"
#include "core/store/project.h"
#include "ui/bridge/qt_convert.h"

namespace attune {

namespace {

std::string keyOf(const char* what, qint64 runId) {
    return "evaluate." + std::string(what) + "." + std::to_string(runId);
}

Json answersToJson(const KeptEvaluation& kept) {
    const BeforeAfter& evaluation = kept.evaluation;
    Json rows = Json::array();
    for (std::size_t i = 0; i < kept.prompts.size() && i < evaluation.base.size(); ++i)
        rows.push_back({sstr(kept.prompts[i]), evaluation.expected[i], evaluation.base[i], evaluation.tuned[i]});
    return rows;
}

Error damaged() {
    return {ErrorCode::InvalidData, "The kept answers to the test rows are damaged", "Measure again."};
}

Status answersFromJson(const Json& rows, KeptEvaluation& kept) {
    if (!rows.is_array())
        return fail(damaged());
    for (const Json& row : rows) {
        if (!row.is_array() || row.size() != 4)
            return fail(damaged());
        for (const Json& text : row)
            if (!text.is_string())
                return fail(damaged());
        kept.prompts.push_back(qstr(row[0].get<std::string>()));
        kept.evaluation.expected.push_back(row[1].get<std::string>());
        kept.evaluation.base.push_back(row[2].get<std::string>());
        kept.evaluation.tuned.push_back(row[3].get<std::string>());
    }
    return {};
}

} // namespace

Status keepEvaluation(Project& project, qint64 runId, const KeptEvaluation& kept) {
    const Json scores{{"time", kept.time},
                      {"set", sstr(kept.set)},
                      {"model", sstr(kept.model)},
                      {"scores", scoreChangesToJson(kept.evaluation.changes)}};
    // Earlier scores go first and new ones come last: whatever fails in between, scores never stand beside other answers.
    ATTUNE_CHECK(project.removeSetting(keyOf("scores", runId)));
    const auto dump = [](const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); };
    ATTUNE_CHECK(project.setSetting(keyOf("answers", runId), dump(answersToJson(kept))));
    return project.setSetting(keyOf("scores", runId), dump(scores));
}

Result<std::optional<KeptEvaluation>> readEvaluation(Project& project, qint64 runId, bool withAnswers) {
    ATTUNE_ASSIGN(const auto text, project.setting(keyOf("scores", runId)));
    if (!text)
        return std::optional<KeptEvaluation>();
    ATTUNE_ASSIGN(const Json json, parseJson(*text, "The kept scores"));
    KeptEvaluation kept;
    if (json.is_array()) { // as earlier versions kept them: scores alone
        ATTUNE_ASSIGN(kept.evaluation.changes, scoreChangesFromJson(json));
        return std::optional(std::move(kept));
    }
    try {
        kept.time = json.value("time", qint64(0));
        kept.set = qstr(json.value("set", ""));
        kept.model = qstr(json.value("model", ""));
        ATTUNE_ASSIGN(kept.evaluation.changes, scoreChangesFromJson(json.at("scores")));
    } catch (const Json::exception&) {
        return fail(ErrorCode::InvalidData, "The kept scores are damaged", "Measure again.");
    }
    if (withAnswers) {
        ATTUNE_ASSIGN(const auto answers, project.setting(keyOf("answers", runId)));
        if (answers) {
            ATTUNE_ASSIGN(const Json rows, parseJson(*answers, "The kept answers"));
            ATTUNE_CHECK(answersFromJson(rows, kept));
        }
    }
    return std::optional(std::move(kept));
}

QString versionWords(Project& project, qint64 datasetVersion) {
    const auto datasets = project.datasets().list();
    if (!datasets)
        return {};
    for (const DatasetInfo& dataset : *datasets) {
        const auto versions = project.datasets().versions(dataset.id);
        if (!versions)
            continue;
        for (const DatasetVersion& version : *versions)
            if (version.id == datasetVersion)
                return QObject::tr("Version %1 · %2").arg(version.number).arg(qstr(dataset.name));
    }
    return {};
}

} // namespace attune
