#include "core/data/line_reader.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace attune {

namespace {
constexpr std::size_t kBlockBytes = std::size_t{256} << 10;
}

BlockReader::~BlockReader() {
    if (m_fd >= 0)
        ::close(m_fd);
}

BlockReader::BlockReader(BlockReader&& other) noexcept
    : m_file(std::move(other.m_file)), m_fd(std::exchange(other.m_fd, -1)), m_size(other.m_size), m_read(other.m_read),
      m_first(other.m_first), m_block(std::move(other.m_block)) {}

Result<BlockReader> BlockReader::open(const fs::path& file) {
    BlockReader reader;
    reader.m_file = file;
    // Without O_NONBLOCK a named pipe would wait for ever before it can be refused.
    reader.m_fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (reader.m_fd < 0)
        return fail(errnoError(errno, "Cannot read", file));
    struct stat info {};
    if (::fstat(reader.m_fd, &info) != 0)
        return fail(errnoError(errno, "Cannot read", file));
    if (!S_ISREG(info.st_mode))
        return fail(ErrorCode::InvalidData, "Cannot read " + file.string() + ": it is not a file", "Choose a file.");
    reader.m_size = static_cast<std::uint64_t>(info.st_size);
    reader.m_block.resize(kBlockBytes);
    return reader;
}

Result<std::string_view> BlockReader::next(const Progress& progress) {
    if (progress.cancelled())
        return fail(ErrorCode::Cancelled, "Reading " + m_file.string() + " was cancelled");
    std::size_t done = 0;
    while (done < kBlockBytes) {
        const ssize_t n = ::read(m_fd, m_block.data() + done, kBlockBytes - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fail(errnoError(errno, "Cannot read", m_file));
        if (n == 0)
            break;
        done += static_cast<std::size_t>(n);
    }
    m_read += done;
    if (m_size > 0 && progress.report)
        progress.report(std::min(1.0, static_cast<double>(m_read) / static_cast<double>(m_size)),
                        "Reading " + m_file.filename().string());
    std::string_view block(m_block.data(), done);
    if (std::exchange(m_first, false)) {
        if (block.starts_with("\xEF\xBB\xBF"))
            block.remove_prefix(3);
        else if (block.starts_with("\xFF\xFE") || block.starts_with("\xFE\xFF"))
            return fail(ErrorCode::InvalidData, m_file.string() + " is encoded as UTF-16",
                        "Save it as UTF-8 (in a spreadsheet: \"CSV UTF-8\") and import it again.");
    }
    return block;
}

Result<LineReader::Line> LineReader::next(const Progress& progress) {
    m_line.clear();
    bool spans = false, tooLong = false, open = false;
    for (;;) {
        if (m_block.empty()) {
            if (!m_atEnd) {
                ATTUNE_ASSIGN(m_block, m_blocks.next(progress));
                m_atEnd = m_block.empty();
            }
            if (m_atEnd) {
                if (!spans)
                    return Line{{}, m_number, false, true};
                open = true;
                break;
            }
        }
        const auto newline = m_block.find('\n');
        const std::string_view piece = m_block.substr(0, newline);
        const bool complete = newline != std::string_view::npos;
        m_block.remove_prefix(complete ? newline + 1 : m_block.size());
        if (complete && !spans && piece.size() <= m_maxLineBytes) { // the common case: no copy
            ++m_number;
            return Line{piece.ends_with('\r') ? piece.substr(0, piece.size() - 1) : piece, m_number};
        }
        spans = true;
        if (m_line.size() + piece.size() > m_maxLineBytes) {
            tooLong = true;
            m_line.clear();
            m_line.shrink_to_fit();
        } else if (!tooLong) {
            m_line += piece;
        }
        if (complete)
            break;
    }
    ++m_number;
    if (tooLong)
        return Line{{}, m_number, true, false, open};
    std::string_view text = m_line;
    if (text.ends_with('\r'))
        text.remove_suffix(1);
    return Line{text, m_number, false, false, open};
}

} // namespace attune
