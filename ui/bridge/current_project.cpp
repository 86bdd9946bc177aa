#include "ui/bridge/current_project.h"

#include "core/store/project.h"
#include "ui/bridge/qt_convert.h"

namespace attune {
namespace {

/// The database through its own backup, everything else file by file.
Status copyProject(Project& project, const fs::path& target, const Progress& progress) {
    std::error_code error;
    if (fs::exists(target, error))
        return fail(ErrorCode::InvalidArgument, "There is already something at " + target.string() + ".",
                    "Choose another name for the copy.");
    fs::create_directories(target, error);
    if (error)
        return fail(ErrorCode::Io, "Cannot make the folder " + target.string() + ": " + error.message() + ".",
                    "Choose a folder you may write to.");
    const fs::path database = target / "project.sqlite";
    progress.report(-1, "Copying the database");
    ATTUNE_CHECK(project.saveCopy(database));
    for (const fs::path& part : {project.runsFolder(), project.exportsFolder()}) {
        if (!fs::exists(part, error))
            continue;
        for (auto entry = fs::recursive_directory_iterator(part, error); !error && entry != fs::end(entry);
             entry.increment(error)) {
            if (progress.cancelled()) {
                fs::remove_all(target, error);
                return fail(ErrorCode::Cancelled, "The copy was cancelled.");
            }
            const fs::path place = target / fs::relative(entry->path(), project.folder());
            progress.report(-1, "Copying " + entry->path().filename().string());
            if (entry->is_directory())
                fs::create_directories(place, error);
            else if (entry->is_regular_file()) {
                fs::create_directories(place.parent_path(), error);
                fs::copy_file(entry->path(), place, error);
            }
            if (error)
                break;
        }
        if (error) {
            const bool full = error == std::errc::no_space_on_device;
            const std::string message = "Cannot copy " + part.string() + ": " + error.message() + ".";
            std::error_code ignored;
            fs::remove_all(target, ignored);
            return fail(full ? ErrorCode::OutOfSpace : ErrorCode::Io, message,
                        "Free some space or choose another disk, then save the copy again.");
        }
    }
    return {};
}

} // namespace

CurrentProject::CurrentProject(QObject* parent) : QObject(parent) {}
CurrentProject::~CurrentProject() = default;

QString CurrentProject::folder() const {
    return m_project ? qpath(m_project->folder()) : QString();
}
QString CurrentProject::name() const {
    return m_project ? qstr(m_project->name()) : QString();
}

void CurrentProject::open(const QString& folder) {
    if (isOpen() && folder == this->folder())
        return;
    begin(folder, [path = fspath(folder)](const Progress&) { return Project::open(path); });
}

void CurrentProject::create(const QString& folder) {
    begin(folder, [path = fspath(folder)](const Progress&) { return Project::create(path); });
}

void CurrentProject::openSample() {
    if (isOpen() && folder() == m_sampleFolder)
        return Q_EMIT sampleIsOpen();
    if (m_sampleMaker)
        begin(tr("the sample project"), m_sampleMaker);
}

void CurrentProject::begin(const QString& folder,
                           std::function<Result<std::unique_ptr<Project>>(const Progress&)> make) {
    if (refuse(folder))
        return;
    if (m_task)
        m_task->cancel();
    Q_EMIT opening(folder);
    using Opened = std::shared_ptr<Project>;
    QPointer<Task>* current = &m_task;
    auto mine = std::make_shared<QPointer<Task>>();
    *current = runTask<Opened>(
        this,
        [make = std::move(make)](const Progress& progress) -> Result<Opened> {
            auto project = make(progress);
            if (!project)
                return fail(std::move(project).error());
            return Opened(std::move(*project));
        },
        [this, folder, mine](Result<Opened> result) {
            if (m_task != *mine) // a newer request replaced this one
                return;
            m_task = nullptr;
            if (!result) {
                if (result.error().code != ErrorCode::Cancelled)
                    Q_EMIT failed(result.error(), folder);
                return;
            }
            set(std::move(*result));
        });
    *mine = m_task;
}

void CurrentProject::saveCopy(const QString& folder) {
    if (!m_project)
        return;
    runTask<bool>(
        this,
        [project = m_project, path = fspath(folder)](const Progress& progress) -> Result<bool> {
            ATTUNE_CHECK(copyProject(*project, path, progress));
            return true;
        },
        [this, folder](Result<bool> result) {
            if (!result)
                Q_EMIT failed(result.error(), folder);
            else
                Q_EMIT copied(folder);
        });
}

bool CurrentProject::refuse(const QString& folder) {
    if (!isOpen() || m_held.isEmpty())
        return false;
    Q_EMIT failed({ErrorCode::Busy, sstr(m_held), sstr(tr("Stop the run (it can be continued later), or wait until it has ended."))}, folder);
    return true;
}

void CurrentProject::close() {
    if (refuse(folder()))
        return;
    set(nullptr);
}

void CurrentProject::set(std::shared_ptr<Project> project) {
    if (m_project == project)
        return;
    std::swap(m_project, project);
    Q_EMIT changed();
    if (!project)
        return;
    // Closing checkpoints the database; that must not hold up the window. Whoever still uses the project ends it later.
    runTask<bool>(
        this,
        [old = std::move(project)](const Progress&) mutable -> Result<bool> {
            old.reset();
            return true;
        },
        [](Result<bool>) {});
}

void CurrentProject::noteChange(const QString& what) {
    Q_EMIT contentChanged(what);
}

} // namespace attune
