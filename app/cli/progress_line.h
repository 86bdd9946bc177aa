// One line of progress on stderr: rewritten in place on a terminal, a new line now and then elsewhere (logs stay short).
#pragma once

#include <chrono>
#include <cstdio>
#include <string>
#include <unistd.h>

namespace attune::cli {

class ProgressLine {
public:
    ~ProgressLine() { end(); }
    void show(const std::string& text) {
        const auto now = std::chrono::steady_clock::now();
        const auto interval = m_terminal ? std::chrono::milliseconds(100) : std::chrono::milliseconds(10000);
        if (m_shown && now - m_last < interval)
            return;
        m_last = now;
        m_shown = true;
        std::fprintf(stderr, m_terminal ? "\r\033[K%s" : "%s\n", text.c_str());
        std::fflush(stderr);
    }
    void end() {
        if (m_shown && m_terminal)
            std::fprintf(stderr, "\r\033[K");
        m_shown = false;
    }

private:
    bool m_terminal = ::isatty(STDERR_FILENO) == 1, m_shown = false;
    std::chrono::steady_clock::time_point m_last{};
};

} // namespace attune::cli
