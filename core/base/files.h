// Files: reading whole files with limits, durable atomic writing, hashes. All functions are safe to call from any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace attune {

namespace fs = std::filesystem;

/// The whole file as bytes. Errors: NotFound, InvalidData (larger than maxBytes, not a regular file), Io.
Result<std::string> readFile(const fs::path& path, std::uint64_t maxBytes = std::uint64_t{1} << 30);

/// Writes a file so that after a crash or power cut either the old or the complete new content is there:
/// temporary file in the same folder, write, checked fsync, rename, checked fsync of the folder.
class AtomicFile {
public:
    AtomicFile() = default;
    ~AtomicFile(); // without commit() the temporary file is removed and the old content stays
    AtomicFile(AtomicFile&& other) noexcept;
    AtomicFile& operator=(AtomicFile&& other) noexcept;
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    static Result<AtomicFile> create(const fs::path& path);
    /// Errors: OutOfSpace, Io; the object is then good for nothing but destruction.
    Status write(std::span<const std::byte> bytes);
    Status write(std::string_view text) { return write(std::as_bytes(std::span(text))); }
    Status commit();

private:
    void discard() noexcept;
    fs::path m_path, m_temporary;
    int m_fd = -1;
};

Status writeFileAtomic(const fs::path& path, std::string_view content);

/// XXH3-128 of bytes or of a file, as 32 hexadecimal digits. For identity and corruption, not against an attacker.
std::string hashBytes(std::string_view bytes);
Result<std::string> hashFile(const fs::path& path);

/// fsync of a folder, so that renames and new names in it are durable.
Status syncFolder(const fs::path& folder);

/// Turns errno into an Error that names the path and says what to do: free space when the disk is full, another name when a file is
/// in the way.
Error errnoError(int number, std::string_view doing, const fs::path& path);

} // namespace attune
