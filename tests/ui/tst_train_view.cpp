// The Train station on a FakeEngine: what a run says reaches chart and store, pause and stop work, a failed run says
// why.
#include <QLabel>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QUndoStack>

#include "gallery_train.h"
#include "tests/support/test_main.h"
#include "ui/widgets/message_bar.h"
#include "ui/widgets/stacked_bar.h"

using namespace attune;
using namespace attune::gallery;

class TrainViewTest : public QObject {
    Q_OBJECT
private:
    std::unique_ptr<Theme> m_theme;

    static QStringList messages(Stage& stage) {
        QStringList found;
        for (const MessageBar* bar : trainView(stage).findChildren<MessageBar*>())
            found << bar->message();
        return found;
    }
    static bool ended(Stage& stage) { return stage.runs.current().runId > 0 && !stage.runs.isActive(); }
    static std::string storedState(Project& project, qint64 run) {
        const auto record = project.runs().get(run);
        return record ? record->state : "none";
    }
    static QPushButton* button(Stage& stage, const QString& text) {
        for (QPushButton* each : trainView(stage).findChildren<QPushButton*>())
            if (each->text() == text && each->isVisible())
                return each;
        return nullptr;
    }

private Q_SLOTS:
    void initTestCase() { m_theme = std::make_unique<Theme>(*qApp, ThemeMode::Light); }
    void cleanupTestCase() { m_theme.reset(); }

    void withoutAModelTheComplaintNamesItAndTheStartIsLocked() {
        Stage stage(*m_theme);
        QVERIFY(stage.window->showStation("train"));
        stage.openProject([](Project& project) { fillSample(project, true); });
        QTRY_VERIFY_WITH_TIMEOUT(!trainView(stage).setup().isLoading(), 10'000);
        QTRY_VERIFY(button(stage, "Start training"));
        QTest::qWait(150);
        QVERIFY(!trainView(stage).setup().isReady());
        QVERIFY(!button(stage, "Start training")->isEnabled());
        QVERIFY(trainView(stage).setup().focusField("training.batch_size"));
        QVERIFY(trainView(stage).setup().focusField("method.r"));
        QVERIFY(!trainView(stage).setup().focusField("nothing.of_this_name"));
    }

    void theObjectiveFollowsTheRowsAndRowsCanBeConverted() {
        Stage stage(*m_theme);
        QVERIFY(stage.window->showStation("train"));
        pairsToTrain(stage);
        SetupPage& setup = trainView(stage).setup();
        QCOMPARE(setup.config().objective.id, std::string("dpo"));
        QVERIFY(messages(stage).join('\n').contains("Prefer better answers"));
        QVERIFY(setup.isReady());
        // Learning from examples needs conversations, which can be made from the better answers.
        RunConfig examples = setup.config();
        examples.objective = {"sft", {}};
        setup.useConfig(examples);
        QTRY_VERIFY_WITH_TIMEOUT(!setup.isReady(), 5'000);
        QPushButton* make = setup.findChild<QPushButton*>("rows.chat");
        QVERIFY(make && make->isEnabled());
        QCOMPARE(make->text(), QString("Make conversations"));
        make->click();
        QTRY_VERIFY_WITH_TIMEOUT(setup.isReady(), 20'000);
        QCOMPARE(setup.config().objective.id, std::string("sft"));
        const auto datasets = stage.project.get()->datasets().list();
        QCOMPARE(datasets->size(), std::size_t(2));
        QCOMPARE(datasets->front().rows, 640);
        QCOMPARE(setup.config().data.datasetVersion, stage.project.get()->datasets().versions(datasets->front().id)->front().id);
        QVERIFY(!setup.findChild<QPushButton*>("rows.preference")->text().contains("Make")); // nobody makes up worse answers
    }

    void checkMeasuresAndFitCanBeUndone() {
        Stage stage(*m_theme);
        QVERIFY(stage.window->showStation("train"));
        readyToTrain(stage);
        SetupPage& setup = trainView(stage).setup();
        QVERIFY(!setup.measured());
        QVERIFY(button(stage, "Check") && button(stage, "Check")->isEnabled());
        button(stage, "Check")->click();
        QTRY_VERIFY_WITH_TIMEOUT(setup.measured().has_value(), 10'000);
        QCOMPARE(setup.measured()->peakBytes, qint64(1'240'000'000));
        QLabel* words = setup.findChild<QLabel*>("measured");
        QTRY_VERIFY(words->isVisible() && words->text().contains("1.2 GB"));
        QVERIFY(setup.findChild<StackedBar*>()->accessibleName().contains("this run, measured 1.1 GB, program 140.0 MB"));
        QVERIFY(stage.project.get()->runs().list()->empty()); // a check is no run
        RunConfig changed = setup.config();
        changed.training["batch_size"] = std::int64_t{16};
        setup.useConfig(changed);
        QVERIFY(!setup.measured()); // of another recipe
        QTRY_VERIFY(!words->isVisible());

        Computer crowded = *stage.computer.computer();
        crowded.freeMemoryBytes = 900'000'000;
        stage.computer.setComputer(crowded);
        changed.method = {"full", {}};
        setup.useConfig(changed);
        QTest::qWait(150);
        button(stage, "Fit")->click();
        QTRY_VERIFY(messages(stage).join('\n').contains("Changed so that it fits"));
        QVERIFY(setup.config().method.id != "full");
        QVERIFY(button(stage, "Undo"));
        button(stage, "Undo")->click();
        QCOMPARE(setup.config().method.id, std::string("full"));
    }

    void aCheckThatRunsOutOfMemoryOffersToFit() {
        FakeEngineOptions options;
        options.failAtStep = 1;
        Stage stage(*m_theme, options);
        QVERIFY(stage.window->showStation("train"));
        readyToTrain(stage);
        button(stage, "Check")->click();
        QTRY_VERIFY_WITH_TIMEOUT(messages(stage).join('\n').contains("ran out of memory"), 10'000);
        QVERIFY(!trainView(stage).setup().measured());
    }

    void knobsThatDoNothingAreLeftOut() {
        Stage stage(*m_theme);
        QVERIFY(stage.window->showStation("train"));
        pairsToTrain(stage);
        const auto shown = [&](const char* name) {
            for (QWidget* each : trainView(stage).setup().findChildren<QWidget*>())
                if (each->accessibleName() == QLatin1String(name) && each->isVisible())
                    return true;
            return false;
        };
        QVERIFY(shown("Epochs (passes)"));
        QVERIFY(!shown("Learn from")); // the pair says what is learned
        RunConfig config = trainView(stage).setup().config();
        config.objective = {"sft", {}};
        trainView(stage).setup().useConfig(config);
        QVERIFY(shown("Learn from"));
    }

    void aRunFillsChartAndStore() {
        FakeEngineOptions options;
        options.steps = 120;
        Stage stage(*m_theme, options);
        QVERIFY(stage.window->showStation("train"));
        readyToTrain(stage);
        QVERIFY(button(stage, "Start training"));
        QVERIFY(button(stage, "Start training")->isEnabled());
        button(stage, "Start training")->click();
        QTRY_VERIFY_WITH_TIMEOUT(ended(stage), 20'000);
        QCOMPARE(trainView(stage).live().lossChart().pointCount(), qsizetype(120));
        const auto project = stage.project.get();
        const auto curve = project->runs().curve(1, "loss");
        QVERIFY(curve.has_value());
        QTRY_COMPARE(project->runs().curve(1, "loss")->size(), std::size_t(120));
        QTRY_COMPARE(storedState(*project, 1), std::string("finished"));
        QTRY_COMPARE(trainView(stage).history().model().rowCount(), 1);
        QTRY_VERIFY(button(stage, "Compare answers"));
        QVERIFY(QFileInfo::exists(qpath(project->runsFolder() / "1" / "metrics.jsonl")));
        const auto recipe = parseRunConfig(project->runs().get(1)->recipe, stage.runs.catalog(), "the run");
        QVERIFY(recipe.has_value());
        QCOMPARE(recipe->data.datasetVersion, project->runs().get(1)->datasetVersion);
    }

    void twentyThousandStepsArriveWithoutLoss() {
        FakeEngineOptions options;
        options.steps = 20'000;
        options.evalEvery = 1'000;
        Stage stage(*m_theme, options);
        QVERIFY(stage.window->showStation("train"));
        startRun(stage);
        QTRY_VERIFY_WITH_TIMEOUT(ended(stage), 120'000);
        QCOMPARE(trainView(stage).live().lossChart().pointCount(), qsizetype(20'000));
        QTRY_COMPARE_WITH_TIMEOUT(stage.project.get()->runs().curve(1, "loss")->size(), std::size_t(20'000), 60'000);
    }

    void pauseHoldsAndStopKeeps() {
        FakeEngineOptions options;
        options.steps = 100'000;
        options.stepTime = std::chrono::milliseconds(2);
        Stage stage(*m_theme, options);
        QVERIFY(stage.window->showStation("train"));
        startRun(stage);
        QTRY_VERIFY_WITH_TIMEOUT(stage.runs.current().lastStep.step > 5, 10'000);
        QString reason;
        QVERIFY(!trainView(stage).canClose(reason));
        QVERIFY(reason.contains("Run 1"));
        QVERIFY(button(stage, "Pause"));
        button(stage, "Pause")->click();
        QTRY_VERIFY_WITH_TIMEOUT(stage.runs.current().state == RunState::Paused, 10'000);
        const auto held = stage.runs.current().lastStep.step;
        QTest::qWait(120);
        QCOMPARE(stage.runs.current().lastStep.step, held);
        QVERIFY(button(stage, "Resume"));
        button(stage, "Resume")->click();
        QTRY_VERIFY_WITH_TIMEOUT(stage.runs.current().lastStep.step > held, 10'000);
        QPushButton* stop = button(stage, "Stop and keep");
        stop->click();
        QCOMPARE(stop->text(), QString("Stopping…")); // at once, not when the engine has ended its step
        QVERIFY(!stop->isEnabled());
        QTRY_VERIFY_WITH_TIMEOUT(ended(stage), 10'000);
        QTRY_COMPARE(storedState(*stage.project.get(), 1), std::string("stopped"));
        QTRY_VERIFY(button(stage, "Continue"));
        QVERIFY(trainView(stage).canClose(reason));
        button(stage, "Continue")->click();
        QTRY_VERIFY_WITH_TIMEOUT(stage.runs.isActive(), 10'000);
        QCOMPARE(stage.runs.current().runId, qint64(1));
        stage.runs.stop();
        QTRY_VERIFY_WITH_TIMEOUT(ended(stage), 10'000);
    }

    void aFailedRunSaysWhyAndCanContinue() {
        FakeEngineOptions options;
        options.failAtStep = 7;
        Stage stage(*m_theme, options);
        QVERIFY(stage.window->showStation("train"));
        startRun(stage);
        QTRY_VERIFY_WITH_TIMEOUT(ended(stage), 10'000);
        QTRY_VERIFY(messages(stage).join('\n').contains("infinite at step 7"));
        QTRY_VERIFY(button(stage, "Continue"));
        QTRY_COMPARE(storedState(*stage.project.get(), 1), std::string("failed"));
    }

    void whatIsSaidOfARunStaysWithIt() {
        FakeEngineOptions options;
        options.failAtStep = 7;
        Stage stage(*m_theme, options);
        QVERIFY(stage.window->showStation("train"));
        readyToTrain(stage);
        trainView(stage).showPage(TrainView::LiveIndex); // no run: nothing is being prepared
        QVERIFY(button(stage, "Set up a run"));
        trainView(stage).start();
        QTRY_VERIFY_WITH_TIMEOUT(ended(stage), 10'000);
        const auto saysFailed = [&] {
            for (const MessageBar* bar : trainView(stage).findChildren<MessageBar*>())
                if (bar->isVisible() && bar->message().contains("failed"))
                    return true;
            return false;
        };
        QTRY_VERIFY(saysFailed());
        for (const auto page : {TrainView::ModelIndex, TrainView::SetupIndex, TrainView::SweepIndex, TrainView::HistoryIndex}) {
            trainView(stage).showPage(page);
            QVERIFY(!saysFailed());
        }
        trainView(stage).showPage(TrainView::LiveIndex);
        QVERIFY(saysFailed());
    }

    void theBestCheckpointIsUsedOrGoneOnFrom() {
        FakeEngineOptions options;
        options.steps = 480, options.evalEvery = 40, options.overfits = true, options.stepTime = std::chrono::milliseconds(4);
        Stage stage(*m_theme, options);
        QVERIFY(stage.window->showStation("train"));
        startRun(stage);
        const auto offered = [&](const QString& begin) -> QPushButton* {
            for (QPushButton* each : trainView(stage).findChildren<QPushButton*>())
                if (each->text().startsWith(begin) && each->isVisible())
                    return each;
            return nullptr;
        };
        QTRY_VERIFY_WITH_TIMEOUT(offered("Stop and use "), 20'000);
        const qint64 best = trainView(stage).live().bestStep();
        QCOMPARE(offered("Stop and use ")->text(), QString("Stop and use %1").arg(best));
        offered("Stop and use ")->click();
        QTRY_COMPARE_WITH_TIMEOUT(storedState(*stage.project.get(), 1), std::string("finished"), 20'000);
        QTRY_VERIFY_WITH_TIMEOUT(button(stage, "Compare answers"), 10'000);
        QVERIFY(stage.runs.current().lastStep.step < 480); // not one step more
        QVERIFY(!offered("Continue") || !offered("Continue")->isVisible());

        QTRY_VERIFY_WITH_TIMEOUT(offered("Go on from "), 10'000);
        offered("Go on from ")->click();
        QTRY_COMPARE_WITH_TIMEOUT(stage.runs.current().runId, qint64(2), 10'000);
        stage.runs.stop();
        QTRY_VERIFY_WITH_TIMEOUT(ended(stage), 10'000);
        const RunRecord first = *stage.project.get()->runs().get(1), second = *stage.project.get()->runs().get(2);
        const auto before = parseRunConfig(first.recipe, stage.runs.catalog(), "first"), after = parseRunConfig(second.recipe, stage.runs.catalog(), "second");
        QVERIFY(before && after && before->start.empty());
        QCOMPARE(after->start, "runs/1/checkpoints/step-" + std::to_string(best));
        const double rate = paramDouble(after->training, trainingParams().params, "learning_rate");
        QVERIFY(std::abs(rate - paramDouble(before->training, trainingParams().params, "learning_rate") / 3) < 0.01 * rate);
        QCOMPARE(second.name, first.name + ", from step " + std::to_string(best));
        // The form that takes that recipe over says so, and can begin anew.
        trainView(stage).setup().useConfig(*after);
        trainView(stage).showPage(TrainView::SetupIndex);
        QVERIFY(button(stage, "Begin anew"));
        QCOMPARE(trainView(stage).setup().config().start, after->start);
        button(stage, "Begin anew")->click();
        QVERIFY(trainView(stage).setup().config().start.empty());
    }

    void aGreyStartSaysWhy() {
        Stage stage(*m_theme);
        QVERIFY(stage.window->showStation("train"));
        stage.openProject([](Project& project) { fillSample(project, true); });
        QTRY_VERIFY_WITH_TIMEOUT(!trainView(stage).setup().isLoading(), 10'000);
        QTRY_VERIFY(button(stage, "Start training") && !button(stage, "Start training")->isEnabled());
        const auto said = [&](const QString& words) {
            for (QLabel* label : trainView(stage).findChildren<QLabel*>())
                if (label->isVisible() && label->text().contains(words))
                    return true;
            return false;
        };
        QTRY_VERIFY(said("It cannot start yet"));
        trainView(stage).showPage(TrainView::SweepIndex);
        QTRY_VERIFY(said("Choose a model first"));
    }

    void fieldsAreNamedAsTheFormNamesThem() {
        Stage stage(*m_theme);
        QVERIFY(stage.window->showStation("train"));
        readyToTrain(stage);
        RunConfig config = trainView(stage).setup().config();
        config.method.params["alpha"] = 100000.0; // allowed: 0.001 to 4096
        trainView(stage).setup().useConfig(config);
        QStringList shown;
        const auto complaints = [&] {
            shown.clear();
            for (QLabel* label : trainView(stage).setup().findChildren<QLabel*>())
                if (label->isVisible() && label->text().contains("100000"))
                    shown << label->text();
            return shown.size() >= 2; // below the field, and at the right
        };
        QTRY_VERIFY(complaints());
        for (const QString& text : shown)
            QVERIFY2(text.contains("Scaling (alpha)") && !text.contains("method."), qPrintable(text));
        QVERIFY2(shown.join('\n').contains("from 0.001 to 4096"), qPrintable(shown.join('\n')));
    }

    void theSampleInsideTheSampleLeadsToTraining() {
        Stage stage(*m_theme, {});
        stage.openProject();
        int made = 0;
        stage.project.setSampleMaker(
            [&made](const Progress&) -> Result<std::unique_ptr<Project>> {
                ++made;
                return fail(ErrorCode::Busy, "It is open already.");
            },
            stage.project.folder());
        QVERIFY(stage.window->showStation("ship"));
        stage.project.openSample();
        QCOMPARE(stage.window->currentStation(), QString("train"));
        QTest::qWait(50);
        QCOMPARE(made, 0);
        QCOMPARE(stage.window->currentStation(), QString("train"));
    }

    void notesAreKeptAndUndone() {
        FakeEngineOptions options;
        options.steps = 20;
        Stage stage(*m_theme, options);
        QVERIFY(stage.window->showStation("train"));
        startRun(stage);
        QTRY_VERIFY_WITH_TIMEOUT(ended(stage), 10'000);
        QTRY_COMPARE(trainView(stage).history().model().rowCount(), 1);
        trainView(stage).showPage(TrainView::HistoryIndex);
        HistoryPage& history = trainView(stage).history();
        history.select({1});
        QTRY_VERIFY(history.notes().isEnabled());
        history.notes().setPlainText("Higher rank, same data");
        const auto stored = [&] { return stage.project.get()->runs().get(1)->notes; };
        QTRY_COMPARE(stored(), std::string("Higher rank, same data"));
        QTRY_COMPARE(history.undoStack().count(), 1);
        history.undoStack().undo();
        QTRY_COMPARE(stored(), std::string());
        QCOMPARE(history.notes().toPlainText(), QString());
        history.undoStack().redo();
        QTRY_COMPARE(stored(), std::string("Higher rank, same data"));
    }

    void notesTypedJustBeforeTheEndAreKept() {
        FakeEngineOptions options;
        options.steps = 20;
        Stage stage(*m_theme, options);
        QVERIFY(stage.window->showStation("train"));
        startRun(stage);
        QTRY_VERIFY_WITH_TIMEOUT(ended(stage), 10'000);
        QTRY_COMPARE(trainView(stage).history().model().rowCount(), 1);
        trainView(stage).history().select({1});
        QTRY_VERIFY(trainView(stage).history().notes().isEnabled());
        const auto notesOf = [](Project& project) { return project.runs().get(1)->notes; };
        const std::shared_ptr<Project> first = stage.project.get();

        // Another project with a run of the same number is opened: the note belongs to the first.
        trainView(stage).history().notes().setPlainText("Before the other project");
        std::shared_ptr<Project> second = std::move(*Project::create(fspath(stage.folder.filePath("Second.attune"))));
        RunRecord same = *first->runs().get(1);
        same.datasetVersion = 0; // the second project has no data
        same.notes.clear();
        QVERIFY(second->runs().add(same));
        stage.project.set(second);
        QTRY_COMPARE(notesOf(*first), std::string("Before the other project"));
        QTRY_COMPARE(trainView(stage).history().model().rowCount(), 1);
        QCOMPARE(notesOf(*second), std::string());

        trainView(stage).history().select({1});
        QTRY_VERIFY(trainView(stage).history().notes().isEnabled());
        trainView(stage).history().notes().setPlainText("Before the window closed");
        stage.window.reset();
        Task::finishAll();
        QCOMPARE(notesOf(*second), std::string("Before the window closed"));
    }
};

ATTUNE_TEST(TrainViewTest)
#include "tst_train_view.moc"
