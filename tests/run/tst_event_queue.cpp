#include <atomic>
#include <thread>

#include <QtTest>

#include "core/run/event_queue.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

StepFinished step(std::int64_t number) {
    StepFinished event;
    event.step = number;
    return event;
}

} // namespace

class EventQueueTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void twoHundredThousandEventsLoseNoneAndKeepTheirOrder() {
        constexpr std::int64_t kEvents = 200'000;
        EventQueue queue;
        std::atomic<int> wakes = 0, pendingWakes = 0;
        queue.setWake([&] { ++wakes, ++pendingWakes; });
        std::jthread producer([&] {
            for (std::int64_t i = 1; i <= kEvents; ++i)
                queue.push(step(i));
        });
        std::int64_t next = 1;
        while (next <= kEvents) {
            // A listener that only drains when woken: a lost wake-up would hang this loop (the test has a time limit).
            if (pendingWakes.exchange(0) == 0) {
                std::this_thread::yield();
                continue;
            }
            for (const TrainingEvent& event : queue.drain())
                QCOMPARE(std::get<StepFinished>(event).step, next++);
        }
        producer.join();
        QCOMPARE(queue.size(), std::size_t{0});
        QVERIFY(wakes >= 1 && wakes <= kEvents);
    }
    void severalThreadsLoseNothing() {
        EventQueue queue;
        {
            std::vector<std::jthread> producers;
            for (int thread = 0; thread < 4; ++thread)
                producers.emplace_back([&queue, thread] {
                    for (std::int64_t i = 0; i < 5000; ++i)
                        queue.push(step(thread * 5000 + i));
                });
        }
        std::vector<int> seen(20000, 0), last(4, -1);
        for (const TrainingEvent& event : queue.drain()) {
            const auto number = static_cast<int>(std::get<StepFinished>(event).step);
            ++seen[static_cast<std::size_t>(number)];
            QVERIFY(number > last[static_cast<std::size_t>(number / 5000)]); // each thread's own order is kept
            last[static_cast<std::size_t>(number / 5000)] = number;
        }
        QVERIFY(std::all_of(seen.begin(), seen.end(), [](int count) { return count == 1; }));
    }
    void wakesOnceUntilDrained() {
        EventQueue queue;
        int wakes = 0;
        queue.setWake([&] { ++wakes; });
        for (int i = 0; i < 10; ++i)
            queue.push(step(i));
        QCOMPARE(wakes, 1);
        QCOMPARE(queue.drain().size(), std::size_t{10});
        QVERIFY(queue.drain().empty());
        queue.push(step(11));
        QCOMPARE(wakes, 2);
        queue.setWake({});
        queue.drain();
        queue.push(step(12)); // without a listener nothing breaks and nothing is lost
        QCOMPARE(queue.drain().size(), std::size_t{1});
    }
};

ATTUNE_TEST(EventQueueTest)
#include "tst_event_queue.moc"
