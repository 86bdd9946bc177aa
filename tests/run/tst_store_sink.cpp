#include <QTemporaryDir>
#include <QtTest>

#include "core/run/fake_engine.h"
#include "core/run/store_sink.h"
#include "core/store/database.h"
#include "tests/support/test_main.h"

using namespace attune;

class StoreSinkTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void aRunArrivesInTheDatabase() {
        const QTemporaryDir folder;
        auto database = Database::open(fs::path(folder.path().toStdString()) / "project.sqlite", false);
        QVERIFY2(database.has_value(), database ? "" : database.error().message.c_str());
        RunStore store(**database);
        RunRecord record;
        record.name = "first";
        const auto id = store.add(record);
        QVERIFY(id.has_value());

        FakeEngine engine({.steps = 40, .evalEvery = 10});
        PauseToken pause;
        TrainRequest request;
        request.folder = "run";
        std::vector<TrainingEvent> said;
        const Emit sink = storeSink(store, *id);
        QVERIFY(engine.train(request, {}, pause, [&](TrainingEvent event) {
            said.push_back(event);
            sink(std::move(event));
        }));
        sink(WarningRaised{7, "numerical.skipped", "one step refused", "lower the rate"});
        (*database)->flush();

        const auto curve = store.curve(*id, "loss");
        QVERIFY(curve.has_value());
        QCOMPARE(curve->size(), std::size_t{40});
        std::size_t at = 0;
        double best = 1e9;
        for (const TrainingEvent& event : said) {
            if (const auto* step = std::get_if<StepFinished>(&event)) {
                QCOMPARE((*curve)[at].step, step->step);
                QCOMPARE((*curve)[at++].value, step->loss);
            } else if (const auto* eval = std::get_if<EvalFinished>(&event); eval && eval->name == "validation") {
                best = std::min(best, eval->loss);
            }
        }
        QCOMPARE(store.curve(*id, "validation_loss")->size(), std::size_t{5});
        QCOMPARE(store.checkpoints(*id)->size(), std::size_t{4});
        QCOMPARE(store.samples(*id)->size(), std::size_t{4});
        const auto stored = store.get(*id);
        QCOMPARE(stored->state, std::string("finished"));
        QCOMPARE(stored->numbers.at("validation_loss"), best);
        QCOMPARE(stored->numbers.at("steps"), 40.0);
        const auto log = store.log(*id);
        QVERIFY(std::any_of(log->begin(), log->end(), [](const RunLogEntry& e) {
            return e.id == "numerical.skipped" && e.severity == "warning" && e.hint == "lower the rate";
        }));
    }
    void theObjectivesOwnNumbersAreCurves() {
        const QTemporaryDir folder;
        auto database = Database::open(fs::path(folder.path().toStdString()) / "project.sqlite", false);
        QVERIFY(database.has_value());
        RunStore store(**database);
        const auto id = store.add(RunRecord{});
        const Emit sink = storeSink(store, *id);
        StepFinished step;
        step.step = 3;
        step.metrics = {{"rewards/margins", 0.25}};
        sink(step);
        sink(EvalFinished{3, "validation", 0.5, 7, true, {{"rewards/margins", 0.125}}});
        (*database)->flush();
        QCOMPARE(store.curve(*id, "rewards/margins")->front().value, 0.25);
        QCOMPARE(store.curve(*id, "validation_rewards/margins")->front().value, 0.125);
    }
    void aFailureKeepsItsReason() {
        const QTemporaryDir folder;
        auto database = Database::open(fs::path(folder.path().toStdString()) / "project.sqlite", false);
        QVERIFY(database.has_value());
        RunStore store(**database);
        const auto id = store.add(RunRecord{});
        const Emit sink = storeSink(store, *id);
        sink(RunFailed{{ErrorCode::OutOfSpace, "the disk is full", "free some"}});
        sink(StateChanged{RunState::Failed, "the disk is full", -1});
        (*database)->flush();
        QCOMPARE(store.get(*id)->state, std::string("failed"));
        QCOMPARE(store.get(*id)->error, std::string("the disk is full"));
    }
};

ATTUNE_TEST(StoreSinkTest)
#include "tst_store_sink.moc"
