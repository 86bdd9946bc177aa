#include <atomic>
#include <thread>

#include <QtTest>

#include "tests/support/test_main.h"
#include "ui/bridge/task.h"

using namespace attune;

class TaskTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void deliversTheResultOnTheGuiThread() {
        QObject receiver;
        int value = 0;
        QThread* worked = nullptr;
        QThread* delivered = nullptr;
        runTask<int>(
            &receiver,
            [&worked](const Progress&) -> Result<int> {
                worked = QThread::currentThread();
                return 42;
            },
            [&](Result<int> result) {
                delivered = QThread::currentThread();
                value = result.value_or(-1);
            });
        QTRY_COMPARE(value, 42);
        QCOMPARE(delivered, QThread::currentThread());
        QVERIFY(worked != delivered);
    }

    void anErrorArrivesAsAnError() {
        QObject receiver;
        std::string message;
        runTask<int>(
            &receiver, [](const Progress&) -> Result<int> { return fail(ErrorCode::NotFound, "row 17 is missing"); },
            [&](Result<int> result) { message = result.error().message; });
        QTRY_COMPARE(message, std::string("row 17 is missing"));
    }

    void anExceptionBecomesAnError() {
        QObject receiver;
        std::string message;
        runTask<int>(
            &receiver, [](const Progress&) -> Result<int> { throw std::runtime_error("boom"); },
            [&](Result<int> result) { message = result.error().message; });
        QTRY_VERIFY(QByteArray::fromStdString(message).contains("boom"));
    }

    void aDeadReceiverStopsTheWorkAndHearsNothing() {
        std::atomic<bool> stopped = false;
        bool delivered = false;
        {
            QObject receiver;
            runTask<int>(
                &receiver,
                [&stopped](const Progress& progress) -> Result<int> {
                    while (!progress.cancelled())
                        std::this_thread::yield();
                    stopped = true;
                    return 1;
                },
                [&delivered](Result<int>) { delivered = true; });
        }
        QTRY_VERIFY(stopped);
        QTest::qWait(50);
        QVERIFY(!delivered);
    }

    void theDeliveryMayDestroyTheReceiver() {
        auto* receiver = new QObject;
        const QPointer<QObject> alive(receiver);
        runTask<int>(
            receiver, [](const Progress&) -> Result<int> { return 1; }, [receiver](Result<int>) { delete receiver; });
        QTRY_VERIFY(!alive);
    }

    void cancelReachesTheWorkAndProgressReachesTheWindow() {
        QObject receiver;
        ErrorCode code = ErrorCode::Internal;
        const QPointer<Task> task = runTask<int>(
            &receiver,
            [](const Progress& progress) -> Result<int> {
                while (!progress.cancelled()) {
                    progress.report(0.5, "half");
                    std::this_thread::sleep_for(std::chrono::milliseconds(5));
                }
                return fail(ErrorCode::Cancelled, "Cancelled.");
            },
            [&code](Result<int> result) { code = result.error().code; });
        QTRY_COMPARE(task->fraction(), 0.5);
        QCOMPARE(task->what(), QString("half"));
        task->cancel();
        QTRY_VERIFY(code == ErrorCode::Cancelled);
        QTRY_VERIFY(!task);
    }

    void writesHappenInOrderAlsoOfAReceiverThatIsGone() {
        std::vector<int> written; // only the writing thread touches it until finishAll()
        std::size_t inOrder = 0;
        {
            QObject receiver;
            for (int i = 0; i < 50; ++i)
                runWrite<int>(
                    &receiver,
                    [&written, i]() -> Result<int> {
                        std::this_thread::sleep_for(std::chrono::microseconds((50 - i) * 20));
                        written.push_back(i);
                        return i;
                    },
                    [](Result<int>) {});
        }
        Task::finishAll();
        while (inOrder < written.size() && written[inOrder] == int(inOrder))
            ++inOrder;
        QCOMPARE(inOrder, std::size_t(50));
    }

    void finishAllWaitsForTheLastTask() {
        QObject receiver;
        std::atomic<bool> ended = false;
        runTask<int>(
            &receiver,
            [&ended](const Progress& progress) -> Result<int> {
                while (!progress.cancelled())
                    std::this_thread::yield();
                ended = true;
                return 1;
            },
            [](Result<int>) {});
        Task::finishAll();
        QVERIFY(ended);
    }
};

ATTUNE_TEST(TaskTest)
#include "tst_task.moc"
