#include "core/run/event_queue.h"

namespace attune {

void EventQueue::setWake(std::function<void()> wake) {
    const std::lock_guard lock(m_wakeMutex);
    m_wake = std::move(wake);
}

void EventQueue::push(TrainingEvent event) {
    {
        const std::lock_guard lock(m_mutex);
        m_events.push_back(std::move(event));
        if (m_events.size() > 1)
            return; // whoever made it non-empty wakes the listener, and its drain() takes this event too
    }
    const std::lock_guard lock(m_wakeMutex);
    if (m_wake)
        m_wake();
}

std::vector<TrainingEvent> EventQueue::drain() {
    std::vector<TrainingEvent> events;
    const std::lock_guard lock(m_mutex);
    events.swap(m_events);
    return events;
}

std::size_t EventQueue::size() const {
    const std::lock_guard lock(m_mutex);
    return m_events.size();
}

} // namespace attune
