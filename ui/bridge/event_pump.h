// From an EventQueue, filled on an engine thread, to the GUI thread: one wake-up, one queued drain, at most 25 times a
// second and a bounded number of events at once, so that a flood neither freezes the window nor loses an event. GUI
// thread.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include <QElapsedTimer>
#include <QObject>
#include <QTimer>

#include "core/run/event_queue.h"

namespace attune {

class EventPump final : public QObject {
    Q_OBJECT
public:
    explicit EventPump(QObject* parent = nullptr);
    ~EventPump() override;

    /// To be pushed into from any thread; may outlive the pump.
    std::shared_ptr<EventQueue> queue() const { return m_queue; }
    /// Delivers everything that is queued now, without waiting for the next tick.
    void flush();

Q_SIGNALS:
    void drained(const std::vector<attune::TrainingEvent>& events);

private:
    void schedule();
    void deliver(std::size_t atMost);

    std::shared_ptr<EventQueue> m_queue;
    std::deque<TrainingEvent> m_waiting;
    QTimer m_timer;
    QElapsedTimer m_sinceDelivery;
};

} // namespace attune
