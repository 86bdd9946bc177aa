#include "ui/bridge/event_pump.h"

#include <algorithm>
#include <iterator>

namespace attune {
namespace {

constexpr int kIntervalMilliseconds = 40;
constexpr std::size_t kEventsAtOnce = 4096;

} // namespace

EventPump::EventPump(QObject* parent) : QObject(parent), m_queue(std::make_shared<EventQueue>()) {
    m_timer.setSingleShot(true);
    m_timer.setTimerType(Qt::PreciseTimer);
    connect(&m_timer, &QTimer::timeout, this, [this] { deliver(kEventsAtOnce); });
    m_queue->setWake([this] {
        QMetaObject::invokeMethod(
            this, [this] { schedule(); }, Qt::QueuedConnection);
    });
}

EventPump::~EventPump() {
    m_queue->setWake({});
} // returns only when no wake-up is under way

void EventPump::schedule() {
    if (m_timer.isActive())
        return;
    const qint64 passed = m_sinceDelivery.isValid() ? m_sinceDelivery.elapsed() : kIntervalMilliseconds;
    m_timer.start(int(std::max<qint64>(0, kIntervalMilliseconds - passed)));
}

void EventPump::flush() {
    deliver(static_cast<std::size_t>(-1));
}

void EventPump::deliver(std::size_t atMost) {
    std::vector<TrainingEvent> fresh = m_queue->drain();
    m_waiting.insert(m_waiting.end(), std::make_move_iterator(fresh.begin()), std::make_move_iterator(fresh.end()));
    m_sinceDelivery.start();
    if (m_waiting.empty())
        return;
    const auto count = std::ptrdiff_t(std::min(atMost, m_waiting.size()));
    std::vector<TrainingEvent> batch(std::make_move_iterator(m_waiting.begin()),
                                     std::make_move_iterator(m_waiting.begin() + count));
    m_waiting.erase(m_waiting.begin(), m_waiting.begin() + count);
    if (!m_waiting.empty())
        schedule();
    Q_EMIT drained(batch);
}

} // namespace attune
