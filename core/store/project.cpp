#include "core/store/project.h"

#include <cerrno>
#include <sys/stat.h>

#include <SQLiteCpp/Backup.h>
#include <sqlite3.h>

#include "core/store/connection.h"
#include "core/store/import_cleanup.h"

namespace attune {

namespace {

fs::path withExtension(const fs::path& folder) {
    fs::path path = folder.lexically_normal();
    if (!path.has_filename()) // "name.attune/"
        path = path.parent_path();
    if (path.extension() != Project::kExtension)
        path += Project::kExtension;
    return path;
}

Status makeFolder(const fs::path& folder) {
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
        return fail(errnoError(errno, "Cannot make the folder", folder));
    return {};
}

Error aFileIsNoProject(const fs::path& path) {
    return {ErrorCode::InvalidArgument, path.string() + " is a file; a project is a folder",
            "Name a folder that ends in .attune. Files with rows are imported into one, in Data or with: attune-cli data import."};
}

} // namespace

Result<std::unique_ptr<Project>> Project::create(const fs::path& folder) {
    const fs::path path = withExtension(folder);
    std::error_code error;
    if (path.stem().empty() || path.filename() == kExtension)
        return fail(ErrorCode::InvalidArgument, "A project needs a name",
                    "Give the folder a name, like support.attune.");
    if (fs::exists(path, error) && (!fs::is_directory(path, error) || !fs::is_empty(path, error)))
        return fail(ErrorCode::InvalidArgument, "There is already something at " + path.string(),
                    "Open it as a project, or choose another name.");
    if (!path.parent_path().empty() && !fs::is_directory(path.parent_path(), error))
        return fail(ErrorCode::NotFound, "There is no folder " + path.parent_path().string(),
                    "Make it first or choose another one.");
    ATTUNE_CHECK(makeFolder(path));
    {
        // The database is made under the lock, and the folder counts as a project from then on.
        ATTUNE_ASSIGN(ProjectLock lock, ProjectLock::acquire(path));
        ATTUNE_ASSIGN(auto database, Database::open(path / "project.sqlite", false));
        database.reset();
        ATTUNE_CHECK(syncFolder(path));
    }
    return open(path);
}

Result<std::unique_ptr<Project>> Project::open(const fs::path& folder) {
    std::error_code error;
    fs::path path = folder.lexically_normal();
    if (!path.has_filename())
        path = path.parent_path();
    if (fs::is_regular_file(path, error))
        return fail(aFileIsNoProject(path));
    if (!fs::is_directory(path, error))
        return fail(ErrorCode::NotFound, "There is no project folder " + path.string(),
                    "Check the path, or make a new project.");
    const fs::path file = path / "project.sqlite";
    if (!fs::is_regular_file(fs::symlink_status(file, error)))
        return fail(ErrorCode::NotFound, "The folder " + path.string() + " is not a project (it has no project.sqlite)",
                    "Choose a folder whose name ends in .attune.");
    std::unique_ptr<Project> project(new Project);
    project->m_folder = fs::absolute(path);
    ATTUNE_ASSIGN(project->m_lock, ProjectLock::acquire(path));
    ATTUNE_ASSIGN(project->m_database, Database::open(file, project->m_lock.wasUnclean()));
    ::chmod(file.c_str(), 0600);
    ATTUNE_CHECK(makeFolder(project->runsFolder()));
    ATTUNE_CHECK(makeFolder(project->exportsFolder()));
    project->m_datasets = std::make_unique<DatasetStore>(*project->m_database);
    project->m_runs = std::make_unique<RunStore>(*project->m_database);
    project->m_reviews = std::make_unique<ReviewStore>(*project->m_database);
    project->m_sweeps = std::make_unique<SweepStore>(*project->m_database);
    ATTUNE_ASSIGN(const auto interrupted, project->m_runs->markInterrupted());
    (void)interrupted;
    ATTUNE_CHECK(project->m_sweeps->markInterrupted());
    ATTUNE_CHECK(removeUnfinishedImports(*project->m_database));
    return project;
}

Result<std::unique_ptr<Project>> Project::openOrCreate(const fs::path& folder) {
    std::error_code error;
    for (const fs::path& candidate : {folder, withExtension(folder)})
        if (fs::exists(candidate / "project.sqlite", error))
            return open(candidate);
    if (fs::is_regular_file(folder, error))
        return fail(aFileIsNoProject(folder));
    return create(folder);
}

Project::~Project() {
    m_sweeps.reset();
    m_reviews.reset();
    m_runs.reset();
    m_datasets.reset();
    m_database.reset(); // the lock goes last and marks the clean end
}

Result<std::optional<std::string>> Project::setting(const std::string& key) {
    return m_database->read([&](Connection& connection) -> Result<std::optional<std::string>> {
        Query query(connection, "SELECT value FROM settings WHERE key=?");
        if (!query.bind(key).step())
            return std::nullopt;
        return query.text(0);
    });
}

Status Project::setSetting(const std::string& key, const std::string& value) {
    return m_database->write([&](Connection& connection) -> Status {
        Query(connection,
              "INSERT INTO settings(key,value) VALUES(?,?) ON CONFLICT(key) DO UPDATE SET value=excluded.value")
            .bind(key, value)
            .exec();
        return {};
    });
}

Status Project::removeSetting(const std::string& key) {
    return m_database->write([&](Connection& connection) -> Status {
        Query(connection, "DELETE FROM settings WHERE key=?").bind(key).exec();
        return {};
    });
}

Result<std::map<std::string, std::string>> Project::settings(const std::string& prefix) {
    return m_database->read([&](Connection& connection) -> Result<std::map<std::string, std::string>> {
        std::map<std::string, std::string> found;
        Query query(connection, "SELECT key,value FROM settings WHERE substr(key,1,length(?1))=?1");
        query.bind(prefix);
        while (query.step())
            found.emplace(query.text(0), query.text(1));
        return found;
    });
}

Status Project::saveCopy(const fs::path& file) {
    std::error_code error;
    if (fs::exists(file, error))
        return fail(ErrorCode::InvalidArgument, "There is already a file " + file.string(), "Choose another name.");
    const fs::path partial = file.string() + ".partial";
    const Status copied = m_database->read([&](Connection& connection) -> Status {
        fs::remove(partial, error);
        {
            SQLite::Database target(partial.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
            SQLite::Backup backup(target, connection.database());
            if (backup.executeStep(-1) != SQLITE_DONE)
                return fail(ErrorCode::Busy, "The project could not be copied to " + file.string() + ": the database is in use",
                            "Try again when the import or save under way has ended.");
        }
        ::chmod(partial.c_str(), 0600);
        return {};
    });
    if (!copied) {
        fs::remove(partial, error);
        return copied;
    }
    fs::rename(partial, file, error);
    if (error)
        return fail(errnoError(error.value(), "Cannot write", file));
    return syncFolder(file.parent_path().empty() ? fs::path(".") : file.parent_path());
}

} // namespace attune
