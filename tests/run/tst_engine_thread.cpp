#include <atomic>
#include <future>
#include <new>
#include <stdexcept>

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <QtTest>

#include "core/run/engine_thread.h"
#include "tests/support/test_main.h"

using namespace attune;

class EngineThreadTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void jobsRunOneAfterTheOtherInOrder() {
        EngineThread thread(0);
        std::vector<int> order;
        std::atomic<int> running = 0;
        std::atomic<bool> overlapped = false;
        for (int i = 0; i < 50; ++i)
            thread.submit<int>(
                [&, i](const std::stop_token&) -> Result<int> {
                    overlapped = overlapped || ++running > 1;
                    --running;
                    return i;
                },
                [&](Result<int> result) { order.push_back(*result); });
        thread.waitIdle();
        QVERIFY(!overlapped);
        QCOMPARE(order.size(), std::size_t{50});
        for (int i = 0; i < 50; ++i)
            QCOMPARE(order[static_cast<std::size_t>(i)], i);
        QCOMPARE(thread.pending(), std::size_t{0});
    }
    void exceptionsBecomeErrors() {
        EngineThread thread(0);
        Status memory, text;
        thread.submit<void>([](const std::stop_token&) -> Status { throw std::bad_alloc(); },
                            [&](Status s) { memory = s; });
        thread.submit<void>(
            [](const std::stop_token&) -> Status { throw std::runtime_error("tensor of the wrong shape"); },
            [&](Status s) { text = s; });
        bool stillAlive = false;
        thread.submit<void>([](const std::stop_token&) -> Status { return {}; },
                            [&](const Status& s) { stillAlive = s.has_value(); });
        thread.waitIdle();
        QVERIFY(!memory && memory.error().code == ErrorCode::OutOfMemory);
        QVERIFY(!text && text.error().message.find("tensor of the wrong shape") != std::string::npos);
        QVERIFY(stillAlive);
    }
    void aThrowingCallbackDoesNotEndTheThread() {
        EngineThread thread(0);
        bool ran = false;
        thread.submit<void>([](const std::stop_token&) -> Status { return {}; },
                            [](const Status&) { throw std::runtime_error("window closed"); });
        thread.submit<void>([](const std::stop_token&) -> Status { return {}; }, [&](const Status&) { ran = true; });
        thread.waitIdle();
        QVERIFY(ran);
    }
    void cancelReachesRunningAndWaitingJobs() {
        EngineThread thread(0);
        std::promise<void> started;
        Status first, second;
        bool secondRan = false;
        const auto running = thread.submit<void>(
            [&](const std::stop_token& stop) -> Status {
                started.set_value();
                while (!stop.stop_requested())
                    std::this_thread::yield();
                return fail(ErrorCode::Cancelled, "stopped in the middle");
            },
            [&](Status s) { first = s; });
        const auto waiting = thread.submit<void>(
            [&](const std::stop_token&) -> Status {
                secondRan = true;
                return {};
            },
            [&](Status s) { second = s; });
        started.get_future().wait();
        QVERIFY(thread.cancel(waiting));
        // Answered at once: whoever waits for it need not wait for the one that runs.
        QVERIFY(!second && second.error().code == ErrorCode::Cancelled);
        QCOMPARE(thread.pending(), std::size_t{1});
        QVERIFY(thread.cancel(running));
        thread.waitIdle();
        QCOMPARE(first.error().message, std::string("stopped in the middle"));
        QVERIFY(!secondRan && second.error().code == ErrorCode::Cancelled);
        QVERIFY(!thread.cancel(running));
    }
    void destructionAnswersEveryJob() {
        int answered = 0;
        {
            EngineThread thread(0);
            for (int i = 0; i < 5; ++i)
                thread.submit<void>(
                    [](const std::stop_token& stop) -> Status {
                        while (!stop.stop_requested())
                            std::this_thread::yield();
                        return {};
                    },
                    [&](const Status&) { ++answered; });
        }
        QCOMPARE(answered, 5);
    }
    void onlyTheWorkerIsNice() {
        const int before = ::getpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)));
        EngineThread thread(15);
        int worker = -100;
        thread.submit<void>(
            [&](const std::stop_token&) -> Status {
                worker = ::getpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)));
                return {};
            },
            [](const Status&) {});
        thread.waitIdle();
        QCOMPARE(worker, std::max(15, before));
        QCOMPARE(::getpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid))), before);
    }
};

ATTUNE_TEST(EngineThreadTest)
#include "tst_engine_thread.moc"
