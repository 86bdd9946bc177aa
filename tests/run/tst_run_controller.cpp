#include <atomic>
#include <fstream>

#include <QTemporaryDir>
#include <QtTest>

#include "core/run/fake_engine.h"
#include "core/run/metric_sink.h"
#include "core/run/run_controller.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace std::chrono_literals;

namespace {

struct Bench { // one controller with everything it says
    explicit Bench(FakeEngineOptions options)
        : engine(options), controller(engine, thread, [this](TrainingEvent event) {
              const std::lock_guard lock(mutex);
              events.push_back(std::move(event));
          }) {
        request.folder = (folder.path() + "/run").toStdString();
    }
    std::vector<RunState> finals() const {
        std::vector<RunState> result;
        for (const TrainingEvent& event : events)
            if (const auto* change = std::get_if<StateChanged>(&event); change && isFinal(change->state))
                result.push_back(change->state);
        return result;
    }
    std::size_t steps() const {
        const std::lock_guard lock(mutex);
        return static_cast<std::size_t>(std::count_if(events.begin(), events.end(), [](const TrainingEvent& e) {
            return std::holds_alternative<StepFinished>(e);
        }));
    }
    std::size_t failures() const {
        return static_cast<std::size_t>(std::count_if(
            events.begin(), events.end(), [](const TrainingEvent& e) { return std::holds_alternative<RunFailed>(e); }));
    }
    void checkLastWord(RunState state) const {
        QCOMPARE(finals(), std::vector<RunState>{state});
        const auto* last = std::get_if<StateChanged>(&events.back());
        QVERIFY(last && last->state == state);
        QCOMPARE(controller.state(), state);
        QVERIFY(!controller.active());
    }

    QTemporaryDir folder;
    FakeEngine engine;
    EngineThread thread{0};
    mutable std::mutex mutex;
    std::vector<TrainingEvent> events;
    TrainRequest request;
    RunController controller; // last: its destructor ends the run first
};

} // namespace

class RunControllerTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void finishes() {
        Bench bench({.steps = 60});
        QVERIFY(bench.controller.start(bench.request));
        QVERIFY(bench.controller.wait());
        QCOMPARE(bench.steps(), std::size_t{60});
        bench.checkLastWord(RunState::Finished);
        // The record holds every event in the same order.
        const auto read = readMetrics(fs::path(bench.request.folder) / "metrics.jsonl");
        QVERIFY(read && read->badLines.empty());
        QCOMPARE(read->events.size(), bench.events.size());
        for (std::size_t i = 0; i < read->events.size(); ++i)
            QCOMPARE(read->events[i].index(), bench.events[i].index());
    }
    void saysTheLastWordWhenTheEngineForgets() {
        Bench bench({.steps = 3, .sayFinalState = false});
        QVERIFY(bench.controller.start(bench.request));
        QVERIFY(bench.controller.wait());
        bench.checkLastWord(RunState::Finished);
    }
    void failsOnceWithOneReason() {
        Bench bench({.steps = 10, .failAtStep = 4});
        QVERIFY(bench.controller.start(bench.request));
        const Status status = bench.controller.wait();
        QVERIFY(!status && status.error().code == ErrorCode::Numerical);
        QCOMPARE(bench.failures(), std::size_t{1});
        bench.checkLastWord(RunState::Failed);
    }
    void anExceptionIsAFailureToo() {
        Bench bench({.steps = 10, .throwAtStep = 2});
        QVERIFY(bench.controller.start(bench.request));
        const Status status = bench.controller.wait();
        QVERIFY(!status && status.error().message.find("a library threw") != std::string::npos);
        QCOMPARE(bench.failures(), std::size_t{1});
        bench.checkLastWord(RunState::Failed);
        // The thread lives on: the next run works.
        QVERIFY(bench.controller.start(bench.request));
    }
    void stopsInTheMiddle() {
        Bench bench({.steps = 100000, .stepTime = 1ms});
        QVERIFY(bench.controller.start(bench.request));
        QTRY_VERIFY(bench.steps() > 3);
        const auto second = bench.controller.start(bench.request);
        QVERIFY(!second && second.error().code == ErrorCode::Busy);
        bench.controller.stop();
        QVERIFY(bench.controller.wait());
        bench.checkLastWord(RunState::Stopped);
    }
    void pausesAndGoesOn() {
        Bench bench({.steps = 40, .stepTime = 2ms});
        QVERIFY(bench.controller.start(bench.request));
        QTRY_VERIFY(bench.steps() > 2);
        bench.controller.pause();
        QTRY_COMPARE(bench.controller.state(), RunState::Paused);
        const auto before = bench.steps();
        QTest::qWait(30);
        QCOMPARE(bench.steps(), before);
        bench.controller.resume();
        QVERIFY(bench.controller.wait());
        QCOMPARE(bench.steps(), std::size_t{40});
        bench.checkLastWord(RunState::Finished);
    }
    void stopEndsAPause() {
        Bench bench({.steps = 100000, .stepTime = 1ms});
        QVERIFY(bench.controller.start(bench.request));
        bench.controller.pause();
        QTRY_COMPARE(bench.controller.state(), RunState::Paused);
        bench.controller.stop();
        QVERIFY(bench.controller.wait());
        bench.checkLastWord(RunState::Stopped);
    }
    void stoppedBeforeItBegan() {
        Bench bench({.steps = 100000, .stepTime = 1ms});
        std::atomic<bool> release = false;
        bench.thread.submit<void>(
            [&](const std::stop_token&) -> Status {
                while (!release)
                    std::this_thread::yield();
                return {};
            },
            [](const Status&) {});
        QVERIFY(bench.controller.start(bench.request));
        bench.controller.stop();
        release = true;
        QVERIFY(bench.controller.wait());
        QCOMPARE(bench.steps(), std::size_t{0});
        bench.checkLastWord(RunState::Stopped);
    }
    void destructionStopsARunningRun() {
        auto bench = std::make_unique<Bench>(FakeEngineOptions{.steps = 1'000'000, .stepTime = 1ms});
        QVERIFY(bench->controller.start(bench->request));
        QTRY_VERIFY(bench->steps() > 0);
        bench.reset(); // must return
    }
    void aFolderThatCannotBeIsAnErrorOfStart() {
        Bench bench({.steps = 1});
        const QString file = bench.folder.path() + "/file";
        std::ofstream(file.toStdString()) << "x";
        bench.request.folder = (file + "/run").toStdString();
        const auto status = bench.controller.start(bench.request);
        QVERIFY(!status && status.error().message.find("file/run") != std::string::npos);
        QVERIFY(bench.events.empty() && !bench.controller.active());
    }
    void resumeContinuesTheRecordANewRunBeginsOne() {
        Bench bench({.steps = 5});
        const fs::path record = fs::path(bench.request.folder) / "metrics.jsonl";
        for (const bool resume : {false, true, false}) {
            bench.request.resume = resume;
            QVERIFY(bench.controller.start(bench.request));
            QVERIFY(bench.controller.wait());
            const auto read = readMetrics(record);
            QVERIFY(read.has_value());
            const auto steps = std::count_if(read->events.begin(), read->events.end(), [](const TrainingEvent& e) {
                return std::holds_alternative<StepFinished>(e);
            });
            QCOMPARE(steps, resume ? 10 : 5);
            QCOMPARE(metricCurves(read->events).at("loss").steps.size(), std::size_t{5});
        }
    }
};

ATTUNE_TEST(RunControllerTest)
#include "tst_run_controller.moc"
