// A project: one folder `name.attune/` with project.sqlite, runs/ and exports/, owned by one process at a time (lock
// file + flock). Safe to call from any thread. Everything given to a store is on the disk when the call returns; there
// is no Save.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/base/files.h"
#include "core/base/result.h"
#include "core/store/database.h"
#include "core/store/dataset_store.h"
#include "core/store/project_lock.h"
#include "core/store/review_store.h"
#include "core/store/run_store.h"
#include "core/store/sweep_store.h"

namespace attune {

class Project {
public:
    static constexpr const char* kExtension = ".attune";

    /// Makes the folder (the extension is added when missing). Errors: InvalidArgument when something is already there,
    /// OutOfSpace, Io.
    static Result<std::unique_ptr<Project>> create(const fs::path& folder);
    /// Opens an existing project; runs that a dead process left running are marked "interrupted", half imports are
    /// removed. Errors: NotFound, Busy ("The project ... is open in another window (process 123)"), InvalidData
    /// (damaged), Unsupported (newer).
    static Result<std::unique_ptr<Project>> open(const fs::path& folder);
    static Result<std::unique_ptr<Project>> openOrCreate(const fs::path& folder);
    ~Project();
    Project(const Project&) = delete;
    Project& operator=(const Project&) = delete;

    const fs::path& folder() const { return m_folder; }
    /// The folder's name without the extension.
    std::string name() const { return m_folder.stem().string(); }
    fs::path runsFolder() const { return m_folder / "runs"; }
    fs::path exportsFolder() const { return m_folder / "exports"; }

    DatasetStore& datasets() { return *m_datasets; }
    RunStore& runs() { return *m_runs; }
    ReviewStore& reviews() { return *m_reviews; }
    SweepStore& sweeps() { return *m_sweeps; }
    Database& database() { return *m_database; }

    /// Settings of the project by key ("advisor.answers"); values are text, usually JSON.
    Result<std::optional<std::string>> setting(const std::string& key);
    Status setSetting(const std::string& key, const std::string& value);
    Status removeSetting(const std::string& key);
    /// All settings whose key starts with `prefix`.
    Result<std::map<std::string, std::string>> settings(const std::string& prefix = {});

    /// A consistent copy of the database as `file` (must not exist), for "Save a copy" and backups.
    Status saveCopy(const fs::path& file);

private:
    Project() = default;
    fs::path m_folder;
    ProjectLock m_lock; // released last
    std::unique_ptr<Database> m_database;
    std::unique_ptr<DatasetStore> m_datasets;
    std::unique_ptr<RunStore> m_runs;
    std::unique_ptr<ReviewStore> m_reviews;
    std::unique_ptr<SweepStore> m_sweeps;
};

} // namespace attune
