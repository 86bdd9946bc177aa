#include "core/model_files/file_bytes.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace attune {

FileBytes::~FileBytes() {
    if (m_fd >= 0)
        ::close(m_fd);
}

FileBytes::FileBytes(FileBytes&& other) noexcept
    : m_path(std::move(other.m_path)), m_fd(std::exchange(other.m_fd, -1)), m_size(other.m_size) {}

FileBytes& FileBytes::operator=(FileBytes&& other) noexcept {
    std::swap(m_path, other.m_path);
    std::swap(m_fd, other.m_fd);
    std::swap(m_size, other.m_size);
    return *this;
}

Result<FileBytes> FileBytes::open(const fs::path& path) {
    FileBytes file;
    file.m_path = path;
    // O_NONBLOCK: a named pipe in place of the file must not hang us; links are allowed, hub caches are made of them.
    file.m_fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file.m_fd < 0)
        return fail(errnoError(errno, "Cannot read", path));
    struct stat status {};
    if (::fstat(file.m_fd, &status) != 0)
        return fail(errnoError(errno, "Cannot read", path));
    if (!S_ISREG(status.st_mode))
        return fail(ErrorCode::InvalidData, path.string() + " is not a file", "Choose a file of weights.");
    file.m_size = static_cast<std::uint64_t>(status.st_size);
    return file;
}

Status FileBytes::read(std::span<std::byte> out, std::uint64_t offset) const {
    std::size_t done = 0;
    while (done < out.size()) {
        const ssize_t n = ::pread(m_fd, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(errnoError(errno, "Cannot read", m_path));
        if (n == 0)
            return fail(ErrorCode::InvalidData, m_path.string() + ": it became shorter while it was read",
                        "Download or export it again, and do not change it while it is open.");
        done += static_cast<std::size_t>(n);
    }
    return {};
}

std::optional<std::string> formatThatRunsCode(const fs::path& path) {
    const auto file = FileBytes::open(path);
    if (!file)
        return std::nullopt;
    std::array<char, 4096> head{};
    const std::size_t size = std::min<std::uint64_t>(head.size(), file->size());
    if (!file->read(std::as_writable_bytes(std::span(head)).first(size), 0))
        return std::nullopt;
    const std::string_view text(head.data(), size);
    // A zip archive whose first entry is torch.save's: <name>/data.pkl (later entries hold the numbers).
    if (text.starts_with("PK\x03\x04") && text.find(".pkl") != std::string_view::npos)
        return "a PyTorch archive (a zip with a Python pickle in it)";
    // Pickle protocol 2 to 5 starts with PROTO and the version; torch.save's old form starts so as well.
    if (size >= 2 && text[0] == '\x80' && text[1] >= 2 && text[1] <= 5)
        return "a Python pickle";
    return std::nullopt;
}

bool nameOfFormatThatRunsCode(const fs::path& path) {
    constexpr std::array<std::string_view, 6> kNames{".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"};
    std::string extension = path.extension().string();
    std::transform(extension.begin(), extension.end(), extension.begin(),
                   [](unsigned char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : static_cast<char>(c); });
    return std::find(kNames.begin(), kNames.end(), extension) != kNames.end();
}

} // namespace attune
