#include "ui/views/train/setup_facts.h"

#include <algorithm>

#include <QCoreApplication>
#include <QDir>
#include <QFileInfo>

#include "core/base/files.h"
#include "core/families/model_family.h"
#include "core/model_files/model_source.h"
#include "core/store/project.h"
#include "ui/bridge/qt_convert.h"

namespace attune {
namespace {

constexpr double kBytesPerToken = 4;       // of English text with usual vocabularies; only while nothing was counted
constexpr std::size_t kRowsLookedAt = 200; // enough for the share of trained text

bool ownTemplate(const QDir& folder) {
    if (folder.exists(QStringLiteral("chat_template.jinja")))
        return true;
    const auto text = readFile(fspath(folder.filePath(QStringLiteral("tokenizer_config.json"))));
    if (!text)
        return false;
    const auto json = parseJson(*text, "tokenizer_config.json");
    return json && json->is_object() && json->contains("chat_template");
}

} // namespace

Result<ModelFacts> readModelFacts(const QString& folder) {
    ModelFacts facts;
    facts.folder = folder;
    facts.name = QFileInfo(QDir::cleanPath(folder)).fileName();
    ATTUNE_ASSIGN(const ModelSource source, ModelSource::open(fspath(folder)));
    ATTUNE_ASSIGN(facts.config, readModelConfig(source));
    facts.weightBytes = qint64(source.weightBytes());
    if (const auto& gguf = source.gguf()) { // one file with everything in it
        facts.hasTokenizer = gguf->metadata().contains("tokenizer.ggml.tokens");
        facts.hasTemplate = gguf->metadata().contains("tokenizer.chat_template");
        return facts;
    }
    const QDir place(folder);
    facts.hasTokenizer = place.exists(QStringLiteral("tokenizer.json"));
    facts.hasTemplate = ownTemplate(place);
    return facts;
}

QString VersionFacts::label() const {
    return QCoreApplication::translate("VersionFacts", "Version %1 · %2").arg(version.number).arg(dataset);
}

Result<DataFacts> readDataFacts(Project& project) {
    DataFacts facts;
    ATTUNE_ASSIGN(facts.datasets, project.datasets().list());
    for (const DatasetInfo& dataset : facts.datasets) {
        ATTUNE_ASSIGN(const auto versions, project.datasets().versions(dataset.id));
        for (const DatasetVersion& version : versions)
            facts.versions.push_back({version, qstr(dataset.name)});
    }
    std::stable_sort(facts.versions.begin(), facts.versions.end(), [](const VersionFacts& a, const VersionFacts& b) {
        return a.version.created > b.version.created;
    });
    return facts;
}

Result<RowFacts> readRowFacts(Project& project, const DatasetVersion& version, const Progress& progress) {
    RowFacts facts;
    facts.shape.rows = version.bySplit[std::size_t(Split::Train)];
    ATTUNE_ASSIGN(const DatasetStatistics statistics, project.datasets().statistics(version.datasetId));
    for (std::size_t kind = 0; kind < statistics.byKind.size(); ++kind)
        if (statistics.byKind[kind] > 0)
            facts.kinds[sampleKindId(SampleKind(kind))] = statistics.byKind[kind];
    if (statistics.counted > 0) {
        facts.shape.averageTokens = double(statistics.tokens) / double(statistics.counted);
        facts.shape.longestTokens = statistics.maxTokens;
    } else {
        facts.estimated = true;
        facts.shape.averageTokens =
            double(statistics.bytes) / double(std::max<std::int64_t>(1, statistics.rows)) / kBytesPerToken;
    }
    SampleQuery query;
    query.datasetId = version.datasetId;
    query.order = SampleOrder::Length;
    query.descending = true;
    ATTUNE_ASSIGN(const std::vector<RowId> rows, project.datasets().ids(query, progress));
    if (facts.estimated && !rows.empty()) {
        ATTUNE_ASSIGN(const StoredSample longest, project.datasets().sample(rows.front()));
        facts.shape.longestTokens = std::int64_t(double(longest.length) / kBytesPerToken);
    }
    // Every n-th row of all lengths: how much of the text is answers.
    std::vector<RowId> looked;
    for (std::size_t i = 0; i < rows.size(); i += std::max<std::size_t>(1, rows.size() / kRowsLookedAt))
        looked.push_back(rows[i]);
    double all = 0, answers = 0;
    ATTUNE_ASSIGN(const auto samples, project.datasets().samples(looked));
    for (const StoredSample& row : samples) {
        all += double(row.length);
        for (const Message& message : row.sample.messages)
            answers += message.role == "assistant" ? double(message.content.size()) : 0;
        if (row.sample.kind != SampleKind::Chat)
            answers += double(row.sample.chosen.size() + row.sample.rejected.size());
    }
    facts.shape.averageTargets =
        facts.shape.averageTokens * (all > 0 && answers > 0 ? std::min(1.0, answers / all) : 1.0);
    return facts;
}

} // namespace attune
