// What a running job is told from outside besides "stop": wait. Any thread.
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>

namespace attune {

/// Asked between optimizer steps. pause() and resume() from any thread.
class PauseToken {
public:
    void pause() { set(true); }
    void resume() { set(false); }
    bool paused() const {
        const std::lock_guard lock(m_mutex);
        return m_paused;
    }
    /// Blocks while paused; returns at once when `stop` is requested.
    void waitWhilePaused(std::stop_token stop) {
        std::unique_lock lock(m_mutex);
        m_changed.wait(lock, stop, [this] { return !m_paused; });
    }

private:
    void set(bool paused) {
        {
            const std::lock_guard lock(m_mutex);
            m_paused = paused;
        }
        m_changed.notify_all();
    }
    mutable std::mutex m_mutex;
    std::condition_variable_any m_changed;
    bool m_paused = false;
};

} // namespace attune
