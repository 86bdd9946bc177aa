#include "core/base/files.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

namespace attune {

namespace {

std::string hex(const XXH128_hash_t& hash) {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, hash);
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (const unsigned char byte : canonical.digest)
        text += {kDigits[byte >> 4], kDigits[byte & 15]};
    return text;
}

struct FileDescriptor {
    int fd = -1;
    ~FileDescriptor() {
        if (fd >= 0)
            ::close(fd);
    }
};

} // namespace

Error errnoError(int number, std::string_view doing, const fs::path& path) {
    const std::string what = std::string(doing) + " " + path.string() + ": ";
    switch (number) {
    case ENOSPC:
    case EDQUOT:
        return {ErrorCode::OutOfSpace, what + "the disk is full",
                "Free some space on that disk or choose another folder; nothing that was saved before is lost."};
    case ENOENT:
        return {ErrorCode::NotFound, what + "there is no such file or folder", "Check the path."};
    case EACCES:
    case EPERM:
    case EROFS:
        return {ErrorCode::Io, what + "no permission", "Choose a folder you may write to, or change its permissions."};
    case ENOTDIR:
        return {ErrorCode::InvalidArgument, what + "there is a file where a folder is needed", "Choose another name, or move that file away."};
    case EISDIR:
        return {ErrorCode::InvalidArgument, what + "it is a folder", "Give the name of a file."};
    case ENAMETOOLONG:
        return {ErrorCode::InvalidArgument, what + "the name is too long", "Choose a shorter name."};
    default:
        return {ErrorCode::Io, what + std::strerror(number), "Check the disk and try again."};
    }
}

Result<std::string> readFile(const fs::path& path, std::uint64_t maxBytes) {
    const FileDescriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)}; // a pipe must not make us wait
    if (file.fd < 0)
        return fail(errnoError(errno, "Cannot read", path));
    struct stat info {};
    if (::fstat(file.fd, &info) != 0)
        return fail(errnoError(errno, "Cannot read", path));
    if (!S_ISREG(info.st_mode))
        return fail(ErrorCode::InvalidData, "Cannot read " + path.string() + ": it is not a file", "Choose a file.");
    if (static_cast<std::uint64_t>(info.st_size) > maxBytes)
        return fail(ErrorCode::InvalidData,
                    "Cannot read " + path.string() + ": it has " + std::to_string(info.st_size) + " bytes, at most " +
                        std::to_string(maxBytes) + " are allowed here",
                    "Check that this is the right file.");
    std::string content(static_cast<std::size_t>(info.st_size), '\0');
    std::size_t done = 0;
    while (done < content.size()) {
        const ssize_t n = ::read(file.fd, content.data() + done, content.size() - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(errnoError(errno, "Cannot read", path));
        if (n == 0)
            break;
        done += static_cast<std::size_t>(n);
    }
    content.resize(done);
    return content;
}

AtomicFile::~AtomicFile() { discard(); }

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : m_path(std::move(other.m_path)), m_temporary(std::move(other.m_temporary)), m_fd(std::exchange(other.m_fd, -1)) {}

AtomicFile& AtomicFile::operator=(AtomicFile&& other) noexcept {
    if (this != &other) {
        discard();
        m_path = std::move(other.m_path);
        m_temporary = std::move(other.m_temporary);
        m_fd = std::exchange(other.m_fd, -1);
    }
    return *this;
}

void AtomicFile::discard() noexcept {
    if (m_fd < 0)
        return;
    ::close(std::exchange(m_fd, -1));
    ::unlink(m_temporary.c_str());
}

Result<AtomicFile> AtomicFile::create(const fs::path& path) {
    static std::atomic<unsigned> counter{0};
    AtomicFile file;
    file.m_path = path;
    file.m_temporary = path;
    file.m_temporary += "." + std::to_string(::getpid()) + "-" + std::to_string(counter++) + ".tmp";
    file.m_fd = ::open(file.m_temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file.m_fd < 0)
        return fail(errnoError(errno, "Cannot write", path));
    return file;
}

Status AtomicFile::write(std::span<const std::byte> bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t n = ::write(m_fd, bytes.data() + done, bytes.size() - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(errnoError(errno, "Cannot write", m_path));
        done += static_cast<std::size_t>(n);
    }
    return {};
}

Status AtomicFile::commit() {
    // After a failed fsync the kernel may have dropped the pages, so it is never tried again on the same descriptor.
    if (::fsync(m_fd) != 0) {
        const int number = errno;
        discard();
        return fail(errnoError(number, "Cannot write", m_path));
    }
    ::close(std::exchange(m_fd, -1));
    if (::rename(m_temporary.c_str(), m_path.c_str()) != 0) {
        const int number = errno;
        ::unlink(m_temporary.c_str());
        return fail(errnoError(number, "Cannot write", m_path));
    }
    return syncFolder(m_path.parent_path());
}

Status writeFileAtomic(const fs::path& path, std::string_view content) {
    auto file = AtomicFile::create(path);
    if (!file)
        return fail(std::move(file).error());
    ATTUNE_CHECK(file->write(content));
    return file->commit();
}

std::string hashBytes(std::string_view bytes) { return hex(XXH3_128bits(bytes.data(), bytes.size())); }

Result<std::string> hashFile(const fs::path& path) {
    const FileDescriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (file.fd < 0)
        return fail(errnoError(errno, "Cannot read", path));
    struct stat info {};
    if (::fstat(file.fd, &info) != 0 || !S_ISREG(info.st_mode))
        return fail(ErrorCode::InvalidData, "Cannot read " + path.string() + ": it is not a file", "Choose a file.");
    const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(), &XXH3_freeState);
    XXH3_128bits_reset(state.get());
    std::vector<char> buffer(1 << 20);
    for (;;) {
        const ssize_t n = ::read(file.fd, buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(errnoError(errno, "Cannot read", path));
        if (n == 0)
            break;
        XXH3_128bits_update(state.get(), buffer.data(), static_cast<std::size_t>(n));
    }
    return hex(XXH3_128bits_digest(state.get()));
}

Status syncFolder(const fs::path& folder) {
    const fs::path path = folder.empty() ? fs::path(".") : folder;
    const FileDescriptor file{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (file.fd < 0)
        return fail(errnoError(errno, "Cannot open", path));
    // EINVAL: some file systems cannot sync a folder; their renames are as durable as they get.
    if (::fsync(file.fd) != 0 && errno != EINVAL)
        return fail(errnoError(errno, "Cannot sync", path));
    return {};
}

} // namespace attune
