#include "ui/models/finished_runs.h"

#include <QDateTime>
#include <QLocale>
#include <QObject>

#include "core/store/project.h"
#include "ui/bridge/qt_convert.h"

namespace attune {

QString FinishedRun::label() const {
    return QObject::tr("%1 · finished %2")
        .arg(name, QLocale().toString(QDateTime::fromMSecsSinceEpoch(finished), QLocale::ShortFormat));
}

Result<std::vector<FinishedRun>> finishedRuns(Project& project, const Catalog& catalog) {
    ATTUNE_ASSIGN(const auto runs, project.runs().list());
    std::vector<FinishedRun> found;
    for (const RunRecord& run : runs) {
        if (run.state != "finished")
            continue;
        const auto recipe = parseRunConfig(run.recipe, catalog, run.name);
        if (!recipe)
            continue;
        const fs::path folder(run.folder);
        found.push_back({run.id, qstr(run.name), qpath(folder.is_absolute() ? folder : project.folder() / folder),
                         qstr(recipe->model), run.datasetVersion, run.finished, acceptanceLimits(*recipe)});
    }
    return found;
}

Result<std::vector<Sample>> heldOutRows(Project& project, const FinishedRun& run, std::size_t atMost) {
    ATTUNE_ASSIGN(const auto source, project.datasets().source(run.datasetVersion, Split::Test));
    std::vector<Sample> rows;
    for (std::size_t i = 0; i < source->size() && rows.size() < atMost; ++i) {
        ATTUNE_ASSIGN(Sample sample, source->at(i));
        if (sample.kind == SampleKind::Chat && sample.messages.size() >= 2)
            rows.push_back(std::move(sample));
    }
    if (rows.empty())
        return fail(ErrorCode::InvalidData, "This run's data has no test rows with an answer",
                    "Split the data with a test part, freeze it, and train on that version.");
    return rows;
}

} // namespace attune
