#include <thread>

#include <QTemporaryDir>
#include <QtTest>

#include "core/run/fake_engine.h"
#include "tests/support/test_main.h"
#include "tests/support/thread_time.h"
#include "ui/bridge/event_pump.h"
#include "ui/bridge/run_bridge.h"

using namespace attune;

class RunBridgeTest : public QObject {
    Q_OBJECT

    static TrainRequest requestIn(const QTemporaryDir& folder) {
        TrainRequest request;
        request.config.name = "Run 1";
        request.config.model = "/models/tiny";
        request.folder = folder.filePath("run").toStdString();
        request.train = std::make_shared<VectorSampleSource>(std::vector<Sample>(4), "hash");
        return request;
    }

private Q_SLOTS:
    void twoHundredThousandEventsArriveInOrderWithoutAStall() {
        EventPump pump;
        constexpr std::int64_t count = 200'000;
        std::int64_t seen = 0, largestBatch = 0, batches = 0;
        bool ordered = true;
        connect(&pump, &EventPump::drained, this, [&](const std::vector<TrainingEvent>& events) {
            ++batches;
            largestBatch = std::max(largestBatch, std::int64_t(events.size()));
            for (const TrainingEvent& event : events)
                ordered = std::get<StepFinished>(event).step == ++seen && ordered;
        });
        double worst = 0;
        test::ThreadTime beat;
        QTimer heart;
        heart.setTimerType(Qt::PreciseTimer);
        connect(&heart, &QTimer::timeout, this, [&] { worst = std::max(worst, beat.restart()); });
        beat.restart();
        heart.start(5);
        std::thread engine([queue = pump.queue()] {
            for (std::int64_t i = 1; i <= count; ++i) {
                StepFinished step;
                step.step = i;
                queue->push(step);
            }
        });
        QTRY_COMPARE_WITH_TIMEOUT(seen, count, 20'000);
        engine.join();
        QVERIFY(ordered);
        QVERIFY(largestBatch <= 4096);
        QVERIFY(batches >= count / 4096);
        QVERIFY2(worst < 200, qPrintable(QString("a turn took %1 ms of the window's thread").arg(worst)));
    }

    void eventsPushedAfterThePumpDiedAreHarmless() {
        std::shared_ptr<EventQueue> queue;
        {
            EventPump pump;
            queue = pump.queue();
        }
        queue->push(StepFinished{});
        QCOMPARE(queue->size(), std::size_t(1));
    }

    void aRunEndsOnceAfterAllItsSteps() {
        QTemporaryDir folder;
        FakeEngineOptions options;
        options.steps = 60;
        FakeEngine engine(options);
        RunBridge bridge(engine);
        std::int64_t steps = 0;
        int ends = 0;
        RunState end = RunState::Failed;
        connect(&bridge, &RunBridge::stepsFinished, this, [&](const QVector<StepFinished>& batch) {
            QCOMPARE(ends, 0);
            steps += batch.size();
        });
        connect(&bridge, &RunBridge::runEnded, this, [&](qint64, RunState state) {
            ++ends;
            end = state;
        });
        const Status started = bridge.start(requestIn(folder), nullptr, 0);
        QVERIFY2(started.has_value(), started ? "" : started.error().message.c_str());
        QVERIFY(bridge.isActive());
        QTRY_COMPARE_WITH_TIMEOUT(ends, 1, 10'000);
        QCOMPARE(steps, std::int64_t(60));
        QVERIFY(end == RunState::Finished);
        QVERIFY(!bridge.isActive());
        QTest::qWait(100);
        QCOMPARE(ends, 1);
    }

    void aSecondRunIsRefusedWhileOneTrains() {
        QTemporaryDir folder;
        FakeEngineOptions options;
        options.steps = 100'000;
        options.stepTime = std::chrono::milliseconds(2);
        FakeEngine engine(options);
        RunBridge bridge(engine);
        int ends = 0;
        RunState end = RunState::Failed;
        connect(&bridge, &RunBridge::runEnded, this, [&](qint64, RunState state) {
            ++ends;
            end = state;
        });
        QVERIFY(bridge.start(requestIn(folder), nullptr, 0).has_value());
        const Status second = bridge.start(requestIn(folder), nullptr, 0);
        QVERIFY(!second);
        QVERIFY(second.error().code == ErrorCode::Busy);
        bridge.stop();
        QTRY_COMPARE_WITH_TIMEOUT(ends, 1, 10'000);
        QVERIFY(end == RunState::Stopped);
    }

    void aFailingRunSaysWhyAndEndsFailed() {
        QTemporaryDir folder;
        FakeEngineOptions options;
        options.failAtStep = 7;
        FakeEngine engine(options);
        RunBridge bridge(engine);
        std::string why;
        RunState end = RunState::Finished;
        connect(&bridge, &RunBridge::runFailed, this, [&](const RunFailed& failure) { why = failure.error.message; });
        connect(&bridge, &RunBridge::runEnded, this, [&](qint64, RunState state) { end = state; });
        QVERIFY(bridge.start(requestIn(folder), nullptr, 0).has_value());
        QTRY_VERIFY_WITH_TIMEOUT(end == RunState::Failed, 10'000);
        QVERIFY(!why.empty());
    }

    void generatedPiecesAddUpToTheText() {
        FakeEngine engine;
        RunBridge bridge(engine);
        QObject receiver;
        GenerateRequest request;
        request.model = "/models/tiny";
        Prompt prompt;
        prompt.text = "Where is my invoice?";
        request.prompts = {prompt};
        const QPointer<Generation> generation = bridge.generate(request, &receiver);
        std::string pieces, whole;
        bool done = false;
        connect(generation, &Generation::textGenerated, this, [&](const QVector<TextGenerated>& texts) {
            for (const TextGenerated& text : texts)
                pieces += text.text;
        });
        connect(generation, &Generation::finished, this, [&](const std::vector<GeneratedText>& texts) {
            done = true;
            if (!texts.empty())
                whole = texts.front().text;
        });
        QTRY_VERIFY_WITH_TIMEOUT(done, 10'000);
        QVERIFY(!whole.empty());
        QCOMPARE(pieces, whole);
        QTRY_VERIFY(!generation);
    }
};

ATTUNE_TEST(RunBridgeTest)
#include "tst_run_bridge.moc"
