#include "core/store/project_lock.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <utility>

namespace attune {

namespace {

std::string readAll(int fd) {
    char buffer[256];
    const ssize_t n = ::pread(fd, buffer, sizeof buffer, 0);
    return n > 0 ? std::string(buffer, static_cast<std::size_t>(n)) : std::string();
}

} // namespace

ProjectLock::~ProjectLock() {
    release();
}

ProjectLock::ProjectLock(ProjectLock&& other) noexcept
    : m_file(std::move(other.m_file)), m_fd(std::exchange(other.m_fd, -1)), m_wasUnclean(other.m_wasUnclean) {}

ProjectLock& ProjectLock::operator=(ProjectLock&& other) noexcept {
    if (this != &other) {
        release();
        m_file = std::move(other.m_file);
        m_fd = std::exchange(other.m_fd, -1);
        m_wasUnclean = other.m_wasUnclean;
    }
    return *this;
}

Result<ProjectLock> ProjectLock::acquire(const fs::path& folder) {
    ProjectLock lock;
    lock.m_file = folder / "project.lock";
    const int fd = ::open(lock.m_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fail(errnoError(errno, "Cannot open the lock file", lock.m_file));
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        const int number = errno;
        const std::string owner = readAll(fd);
        ::close(fd);
        if (number != EWOULDBLOCK)
            return fail(errnoError(number, "Cannot lock", lock.m_file));
        const std::string process = owner.substr(0, owner.find_first_not_of("0123456789"));
        return fail(ErrorCode::Busy,
                    "The project " + folder.stem().string() + " is open in another window or command" +
                        (process.empty() ? std::string() : " (process " + process + ")"),
                    "Close it there, or wait until that command has ended.");
    }
    lock.m_fd = fd;
    lock.m_wasUnclean = !readAll(fd).empty();
    const std::string text = std::to_string(::getpid()) + "\n";
    if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()) ||
        ::fsync(fd) != 0)
        return fail(errnoError(errno, "Cannot write the lock file", lock.m_file));
    return lock;
}

void ProjectLock::release() noexcept {
    if (m_fd < 0)
        return;
    // An empty file says that the end was clean. The file itself stays: removing it would let two owners lock two
    // files.
    if (::ftruncate(m_fd, 0) == 0)
        ::fsync(m_fd);
    ::close(std::exchange(m_fd, -1));
}

} // namespace attune
