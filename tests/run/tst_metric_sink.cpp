#include <cmath>
#include <fstream>
#include <limits>

#include <QTemporaryDir>
#include <QtTest>

#include "core/run/event_json.h"
#include "core/run/metric_sink.h"
#include "core/run/run_folder.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

std::vector<TrainingEvent> oneOfEach() {
    StepFinished step;
    step.step = 12, step.totalSteps = 60, step.epoch = 0.6, step.loss = 1.0 / 3, step.learningRate = 2e-4,
    step.gradientNorm = 0.71;
    step.tokens = 2048, step.targetTokens = 300, step.seconds = 1.25, step.tokensPerSecond = 1638.4,
    step.secondsLeft = 60;
    step.metrics = {{"rewards/margins", 0.1}, {"kl", std::numeric_limits<double>::quiet_NaN()}};
    TextGenerated text;
    text.pane = 1, text.index = 2, text.text = "Gr\xC3\xBC\xC3\x9F", text.finished = true, text.finishReason = "stop",
    text.tokens = 3, text.tokensPerSecond = 9.5;
    return {StateChanged{RunState::Paused, "Paused", 0.25},
            step,
            EvalFinished{12, "validation", 0.1 + 0.2, 1234, true, {{"rewards/accuracies", 0.75}}},
            SampleGenerated{12, 3, "p\n", "e", "c\"q\""},
            MemoryReported{123456789012, 223456789012, 323456789012},
            CheckpointSaved{12, "checkpoints/step-12", true},
            WarningRaised{12, "numerical.skipped", "m", "h"},
            RunFailed{{ErrorCode::OutOfSpace, "full", "free some"}},
            text};
}

} // namespace

class MetricSinkTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void everyEventSurvivesJson() {
        for (const TrainingEvent& event : oneOfEach()) {
            const Json json = eventToJson(event);
            const auto back = eventFromJson(Json::parse(json.dump()));
            QVERIFY2(back.has_value(), json.dump().c_str());
            QCOMPARE(back->index(), event.index());
            QCOMPARE(eventToJson(*back).dump(), json.dump());
        }
        const auto step = eventFromJson(eventToJson(oneOfEach()[1]));
        QCOMPARE(std::get<StepFinished>(*step).loss, 1.0 / 3); // bit by bit
        QCOMPARE(std::get<StepFinished>(*step).metrics.at("rewards/margins"), 0.1);
        const auto curves = metricCurves(oneOfEach());
        QCOMPARE(curves.at("rewards/margins").values, (std::vector<double>{0.1}));
        QCOMPARE(curves.at("eval.validation.rewards/accuracies").values, (std::vector<double>{0.75}));
    }
    void numbersThatAreNone() {
        StepFinished step;
        step.loss = std::numeric_limits<double>::quiet_NaN();
        step.gradientNorm = -std::numeric_limits<double>::infinity();
        const auto back = eventFromJson(Json::parse(eventToJson(step).dump()));
        QVERIFY(back.has_value());
        QVERIFY(std::isnan(std::get<StepFinished>(*back).loss));
        QVERIFY(std::isinf(std::get<StepFinished>(*back).gradientNorm));
    }
    void wrongEventsAreErrors_data() {
        QTest::addColumn<QByteArray>("json");
        for (const char* json : {"[]", "{}", "{\"type\":\"nothing\"}", "{\"type\":7}",
                                 "{\"type\":\"step\",\"step\":\"x\"}", "{\"type\":\"step\",\"loss\":\"much\"}",
                                 "{\"type\":\"step\",\"metrics\":[1]}", "{\"type\":\"step\",\"metrics\":{\"kl\":\"x\"}}",
                                 "{\"type\":\"state\",\"state\":\"asleep\"}", "{\"type\":\"eval\",\"best\":1}"})
            QTest::newRow(json) << QByteArray(json);
    }
    void wrongEventsAreErrors() {
        QFETCH(QByteArray, json);
        const auto event = eventFromJson(Json::parse(json.toStdString()));
        QVERIFY(!event && event.error().code == ErrorCode::InvalidData && !event.error().message.empty());
    }
    void writesAndReadsBack() {
        const QTemporaryDir folder;
        const fs::path file = fs::path(folder.path().toStdString()) / "metrics.jsonl";
        {
            auto sink = MetricSink::open(file);
            QVERIFY(sink.has_value());
            for (const TrainingEvent& event : oneOfEach())
                QVERIFY(sink->write(event));
        }
        const auto read = readMetrics(file);
        QVERIFY(read && read->badLines.empty());
        QCOMPARE(read->events.size(), oneOfEach().size() - 1); // streamed text is no record
    }
    void aPhaseIsKeptOnce() {
        const QTemporaryDir folder;
        const fs::path file = fs::path(folder.path().toStdString()) / "metrics.jsonl";
        auto sink = MetricSink::open(file);
        QVERIFY(sink.has_value());
        for (int i = 0; i <= 50; ++i)
            QVERIFY(sink->write(StateChanged{RunState::Preparing, "Loading the model", i / 50.0}));
        QVERIFY(sink->write(StateChanged{RunState::Preparing, "Tokenising rows", 0.5}));
        QVERIFY(sink->write(StateChanged{RunState::Running, "Tokenising rows"})); // other words are not needed to be news
        const auto read = readMetrics(file);
        QVERIFY(read.has_value());
        QCOMPARE(read->events.size(), std::size_t{3});
        QCOMPARE(std::get<StateChanged>(read->events[2]).state, RunState::Running);
    }
    void aTornLastLineIsCutAndTheRestKept() {
        const QTemporaryDir folder;
        const fs::path file = fs::path(folder.path().toStdString()) / "metrics.jsonl";
        const std::string whole = eventToJson(oneOfEach()[2]).dump() + "\n";
        std::ofstream(file) << whole << whole << whole.substr(0, 17);
        {
            const auto read = readMetrics(file);
            QVERIFY(read.has_value());
            QCOMPARE(read->events.size(), std::size_t{2});
            QCOMPARE(read->badLines, std::vector<std::size_t>{3});
        }
        auto sink = MetricSink::open(file);
        QVERIFY(sink && sink->write(oneOfEach()[5]));
        const auto read = readMetrics(file);
        QVERIFY(read && read->badLines.empty());
        QCOMPARE(read->events.size(), std::size_t{3});
        QCOMPARE(*readFile(file), whole + whole + eventToJson(oneOfEach()[5]).dump() + "\n");
    }
    void aFullDiskIsNamed() {
        if (!fs::exists("/dev/full"))
            QSKIP("skipped: no /dev/full here");
        auto sink = MetricSink::open("/dev/full");
        QVERIFY(sink.has_value());
        const auto written = sink->write(oneOfEach()[2]);
        QVERIFY(!written && written.error().code == ErrorCode::OutOfSpace);
    }
    void laterRecordsOfAStepWin() {
        StepFinished first, second;
        first.step = 1, first.loss = 3, second.step = 2, second.loss = 2;
        StepFinished again = second;
        again.loss = 1.5;
        const auto curves = metricCurves({first, second, again, EvalFinished{2, "validation", 4, 10, false}});
        QCOMPARE(curves.at("loss").steps, (std::vector<double>{1, 2}));
        QCOMPARE(curves.at("loss").values, (std::vector<double>{3, 1.5}));
        QCOMPARE(curves.at("eval.validation").values, std::vector<double>{4});
    }
    void runFoldersAreListedNewestFirst() {
        const QTemporaryDir temporary;
        const fs::path root = temporary.path().toStdString();
        for (const char* name : {"a", "b", "c"}) {
            fs::create_directories(root / name);
            RunSummary record;
            record.name = name, record.state = RunState::Finished, record.bestStep = 40,
            record.bestValidationLoss = -1.0; // a reward of 1
            record.created = name == std::string("b") ? "2026-03-01T00:00:00Z" : "2026-01-01T00:00:00Z";
            QVERIFY(writeRunSummary({root / name}, record));
            QVERIFY(*readRunSummary({root / name}) == record);
            QVERIFY(!readRunSummary({root / name})->generalLoss); // nobody measured it
        }
        fs::create_directories(root / "empty");
        std::ofstream(root / "c" / "run.json") << "{\"state\": 3}";
        const auto runs = listRuns(root);
        QCOMPARE(runs.size(), std::size_t{2});
        QCOMPARE(runs[0].record.name, std::string("b"));
        QVERIFY(listRuns(root / "nowhere").empty());
    }
    void theSummaryFollowsTheEvents() {
        RunSummary record;
        StepFinished step;
        step.step = 20, step.totalSteps = 60;
        for (const TrainingEvent& event : std::vector<TrainingEvent>{
                 EvalFinished{0, "validation", 3, 10, true}, EvalFinished{0, "general", 0.5, 10, false}, step, EvalFinished{20, "validation", 2, 10, true},
                 EvalFinished{20, "general", 1, 10, true}, EvalFinished{40, "validation", 2.5, 10, false}, EvalFinished{40, "general", 1.5, 10, false},
                 RunFailed{{ErrorCode::Io, "disk gone", ""}}, StateChanged{RunState::Failed, "", -1}})
            updateRunSummary(record, event);
        QCOMPARE(record.baseValidationLoss.value(), 3.0);
        QCOMPARE(record.bestValidationLoss.value(), 2.0);
        QCOMPARE(record.bestStep, 20);
        QCOMPARE(record.baseGeneralLoss.value(), 0.5);
        QCOMPARE(record.generalLoss.value(), 1.0); // of the best step, not of the last
        QCOMPARE(record.step, 20);
        QCOMPARE(record.error, std::string("disk gone"));
        QVERIFY(record.state == RunState::Failed && !record.finished.empty());
    }
};

ATTUNE_TEST(MetricSinkTest)
#include "tst_metric_sink.moc"
