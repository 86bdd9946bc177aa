// The lock that makes one process the owner of a project folder: `project.lock` held with flock, naming the process.
// The kernel releases it when the process ends, however it ends; what is left in the file then tells that the end was
// not clean.
#pragma once

#include "core/base/files.h"
#include "core/base/result.h"

namespace attune {

class ProjectLock {
public:
    ProjectLock() = default;
    ~ProjectLock();
    ProjectLock(ProjectLock&& other) noexcept;
    ProjectLock& operator=(ProjectLock&& other) noexcept;

    /// Errors: Busy (names the process), OutOfSpace, Io.
    static Result<ProjectLock> acquire(const fs::path& folder);
    /// The former owner ended without closing the project.
    bool wasUnclean() const { return m_wasUnclean; }
    /// Marks a clean end and lets go.
    void release() noexcept;

private:
    fs::path m_file;
    int m_fd = -1;
    bool m_wasUnclean = false;
};

} // namespace attune
