// A file of weights opened for reading at any place with pread, never mapped (a mapped file that somebody truncates kills the process).
// Immutable after opening; safe from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "core/base/files.h"

namespace attune {

class FileBytes {
public:
    FileBytes() = default;
    ~FileBytes();
    FileBytes(FileBytes&& other) noexcept;
    FileBytes& operator=(FileBytes&& other) noexcept;
    FileBytes(const FileBytes&) = delete;
    FileBytes& operator=(const FileBytes&) = delete;

    /// Errors: NotFound, InvalidData (not a regular file), Io.
    static Result<FileBytes> open(const fs::path& path);
    std::uint64_t size() const { return m_size; } // when it was opened
    /// Fills `out` from byte `offset` on. Errors: InvalidData (it ends before), Io.
    Status read(std::span<std::byte> out, std::uint64_t offset) const;

private:
    fs::path m_path;
    int m_fd = -1;
    std::uint64_t m_size = 0;
};

/// The next step for a file of a format that can run code.
inline constexpr const char* kAskForSafetensors =
    "Ask the publisher for the .safetensors file, or convert it on a machine that holds nothing of value.";

/// What the first bytes of a file say it is, where that is a format that can run code when it is opened: "a PyTorch archive", "a Python
/// pickle". The file's name is not trusted. Nothing for anything else, and for a file that cannot be read.
std::optional<std::string> formatThatRunsCode(const fs::path& path);
/// Whether the extension is one of those formats' (.bin, .pt, .pth, .ckpt, .pkl, .pickle).
bool nameOfFormatThatRunsCode(const fs::path& path);

} // namespace attune
