// What the fuzz targets share: bytes as a file without a disk, a folder in memory, and checks that end the process, which is how a
// fuzzer is told. A target is one function, LLVMFuzzerTestOneInput; libFuzzer calls it, and in an ordinary build replay_main.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#include "core/base/files.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace attune::fuzz {

inline void require(bool holds, const char* what) {
    if (holds)
        return;
    std::fprintf(stderr, "broken promise: %s\n", what);
    std::abort();
}

/// Every error says what happened, and the fuzzer sees that it can be read.
inline void requireReadable(const Error& error) {
    require(!error.message.empty(), "an error has a message");
}

/// Bytes under a path that any reader can open, gone when this goes.
class MemoryFile {
public:
    MemoryFile(const std::uint8_t* data, std::size_t size) : m_fd(memfd_create("fuzz", 0)) {
        require(m_fd >= 0 && write(m_fd, data, size) == static_cast<ssize_t>(size), "memory for the input");
    }
    ~MemoryFile() { close(m_fd); }
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    fs::path path() const { return "/proc/self/fd/" + std::to_string(m_fd); }

private:
    int m_fd;
};

/// A folder of this process in the memory disk (or the system's temporary folder).
class MemoryFolder {
public:
    MemoryFolder() {
        std::error_code error;
        const fs::path base = fs::is_directory("/dev/shm", error) ? fs::path("/dev/shm") : fs::temp_directory_path();
        m_path = base / ("attune-fuzz-" + std::to_string(getpid()));
        fs::create_directories(m_path);
    }
    ~MemoryFolder() {
        std::error_code error;
        fs::remove_all(m_path, error);
    }
    /// Writes the file, or removes it when there is nothing to write.
    void put(const char* name, std::string_view bytes) const {
        std::error_code error;
        if (bytes.empty())
            fs::remove(m_path / name, error);
        else if (std::FILE* file = std::fopen((m_path / name).c_str(), "wb")) {
            std::fwrite(bytes.data(), 1, bytes.size(), file);
            std::fclose(file);
        }
    }
    const fs::path& path() const { return m_path; }

private:
    fs::path m_path;
};

/// Cuts the input at bytes 0xFF, which no UTF-8 text holds; exactly `count` parts, missing ones are empty.
inline std::vector<std::string_view> parts(const std::uint8_t* data, std::size_t size, std::size_t count) {
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    std::vector<std::string_view> cut;
    while (cut.size() + 1 < count) {
        const std::size_t at = rest.find('\xFF');
        cut.push_back(rest.substr(0, at));
        rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
    }
    cut.push_back(rest);
    return cut;
}

} // namespace attune::fuzz
