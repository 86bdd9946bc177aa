// From the engine's thread to whoever listens: push() from any thread, one wake-up per change from empty to not empty,
// drain() takes everything in order. It drops nothing and merges nothing; its memory is what the listener has not
// fetched yet.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "core/run/training_event.h"

namespace attune {

class EventQueue {
public:
    /// `wake` is called on the pushing thread, without the queue's lock on the events; it must only post a notification
    /// (a queued drain), never drain by itself for long, and must not call setWake().
    void setWake(std::function<void()> wake);
    void push(TrainingEvent event);
    /// All events since the last call, oldest first; empty when there are none.
    std::vector<TrainingEvent> drain();
    std::size_t size() const;

private:
    mutable std::mutex m_mutex;
    std::vector<TrainingEvent> m_events;
    std::mutex m_wakeMutex; // held while wake runs, so that after setWake({}) returns no call is on its way
    std::function<void()> m_wake;
};

} // namespace attune
