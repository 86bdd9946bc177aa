#include "app/composition.h"

#include <QApplication>
#include <QCoreApplication>
#include <QDir>
#include <QStandardPaths>

#include "app/run_setup.h"
#include "core/base/files.h"
#include "core/data/import_file.h"
#include "core/plan/run_config.h"
#include "core/store/dataset_appender.h"
#include "core/store/project.h"
#include "ui/bridge/qt_convert.h"

namespace attune {
namespace {

// A station that trains starts from this recipe when the project has one.
const char* const kRecipeSetting = "train.recipe";

QString sampleFolder() {
    QString documents = QStandardPaths::writableLocation(QStandardPaths::DocumentsLocation);
    if (documents.isEmpty() || !QDir(documents).exists())
        documents = QDir::homePath();
    return documents + "/Attune sample" + Project::kExtension;
}

/// The shipped rows of all three splits as one dataset.
Status importSample(Project& project, const fs::path& resources, const Progress& progress) {
    ATTUNE_ASSIGN(const std::unique_ptr<DatasetAppender> appender,
                  project.datasets().beginImport("Customer messages", "sample project", {}));
    const std::pair<const char*, Split> parts[] = {
        {"train.jsonl", Split::Train}, {"validation.jsonl", Split::Validation}, {"test.jsonl", Split::Test}};
    for (const auto& [name, split] : parts) {
        const auto add = [&appender, part = split](Sample&& sample) {
            sample.split = part;
            return appender->add(sample);
        };
        ATTUNE_CHECK(importFile(
            resources / "sample_project" / name, {}, add,
            [&appender](ImportProblem problem) { (void)appender->addProblem(problem); }, progress));
    }
    ATTUNE_CHECK(appender->commit());
    return project.datasets().freeze(appender->datasetId(), "As shipped").map([](const DatasetVersion&) {});
}

Result<std::unique_ptr<Project>> openSampleProject(const fs::path& folder, const Catalog& catalog,
                                                   const Progress& progress) {
    std::error_code error;
    if (fs::exists(folder, error))
        return Project::open(folder);
    progress.report(-1, "Making the sample project");
    ATTUNE_ASSIGN(const fs::path resources, resourcesFolder());
    ATTUNE_ASSIGN(std::unique_ptr<Project> project, Project::create(folder));
    const auto finish = [&]() -> Status {
        ATTUNE_CHECK(importSample(*project, resources, progress));
        ATTUNE_ASSIGN(RunConfig recipe, readRunConfig(resources / "sample_project" / "recipe.yaml", catalog));
        ATTUNE_ASSIGN(const std::vector<DatasetInfo> datasets, project->datasets().list());
        ATTUNE_ASSIGN(const std::vector<DatasetVersion> versions, project->datasets().versions(datasets.front().id));
        recipe.data = {};
        recipe.data.general = "general"; // in the project's folder
        std::error_code copied;
        fs::copy(resources / "sample_project" / "general", folder / "general", copied);
        if (copied)
            return fail(ErrorCode::Io, "Cannot copy the general data into " + folder.string() + ": " + copied.message());
        recipe.data.datasetVersion = versions.front().id;
        return project->setSetting(kRecipeSetting, toYaml(recipe));
    };
    if (Status finished = finish(); !finished) { // a half-made sample would greet the user for ever
        project.reset();
        fs::remove_all(folder, error);
        return fail(std::move(finished).error());
    }
    return project;
}

} // namespace

Composition::Composition(QApplication& application, std::unique_ptr<Engine> engine)
    : m_engine(std::move(engine)), m_theme(application, m_settings.themeMode()), m_runs(*m_engine) {
    m_services = {m_engine.get(), &m_runs, &m_project, &m_computer, &m_settings, &m_theme, &m_undo};
    m_project.setSampleMaker([folder = fspath(sampleFolder()), catalog = &m_engine->catalog()](
                                 const Progress& progress) { return openSampleProject(folder, *catalog, progress); },
                             sampleFolder());
    // Views and the run's record belong to the project the run trains in.
    QObject::connect(&m_runs, &RunBridge::runStarted, &m_project, [this] {
        m_project.hold(QCoreApplication::translate("Composition", "%1 is training in this project, so it stays open.").arg(m_runs.current().name));
    });
    QObject::connect(&m_runs, &RunBridge::runEnded, &m_project, [this] { m_project.hold({}); });
    m_window = std::make_unique<MainWindow>(m_services);
}

Composition::~Composition() {
    m_window.reset();
    m_runs.cancelAll(); // tasks may be waiting for the engine
    Task::finishAll();
}

void Composition::show(const QString& project, bool sample) {
    m_window->show();
    m_computer.inspect(QDir::homePath());
    if (sample)
        m_project.openSample();
    else if (!project.isEmpty())
        m_project.open(QDir(project).absolutePath());
    m_window->restore(!sample && project.isEmpty());
}

} // namespace attune
