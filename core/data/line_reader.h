// A file read forward in blocks, byte ranges and lines handed out without holding the file. Skips a UTF-8 byte order
// mark and refuses UTF-16. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/files.h"
#include "core/base/progress.h"
#include "core/base/result.h"

namespace attune {

class BlockReader {
public:
    BlockReader() = default;
    ~BlockReader();
    BlockReader(BlockReader&& other) noexcept;
    BlockReader& operator=(BlockReader&&) = delete;

    /// Errors: NotFound, Io, InvalidData (not a regular file, UTF-16).
    static Result<BlockReader> open(const fs::path& file);
    /// The next block (valid until the next call), empty at the end. Reports progress; errors: Io, Cancelled.
    Result<std::string_view> next(const Progress& progress);
    std::uint64_t size() const { return m_size; }

private:
    fs::path m_file;
    int m_fd = -1;
    std::uint64_t m_size = 0, m_read = 0;
    bool m_first = true;
    std::string m_block;
};

class LineReader {
public:
    LineReader(BlockReader blocks, std::size_t maxLineBytes)
        : m_blocks(std::move(blocks)), m_maxLineBytes(maxLineBytes) {}

    struct Line {
        std::string_view text; // without "\n" and "\r\n"; valid until the next call
        std::int64_t number = 0;
        bool tooLong = false; // text is then empty; the line was skipped
        bool end = false;     // there is no line
        bool open = false;    // no newline behind it: the file ends with this line
    };
    Result<Line> next(const Progress& progress);

private:
    BlockReader m_blocks;
    std::size_t m_maxLineBytes;
    std::string_view m_block;
    std::string m_line; // a line that spans blocks
    std::int64_t m_number = 0;
    bool m_atEnd = false;
};

} // namespace attune
