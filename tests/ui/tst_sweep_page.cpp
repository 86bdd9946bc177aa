// A sweep in the window, on a FakeEngine: it trains its trials one after the other, stops and goes on, keeps failures, and
// hands its best recipe to New run.
#include <QPushButton>

#include "gallery_sweep.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::gallery;

class SweepPageTest : public QObject {
    Q_OBJECT
private:
    std::unique_ptr<Theme> m_theme;

    static QPushButton* button(Stage& stage, const QString& text) {
        for (QPushButton* each : trainView(stage).findChildren<QPushButton*>())
            if (each->text() == text && each->isVisible())
                return each;
        return nullptr;
    }

    static std::size_t measured(Stage& stage) { // 0 also while the sweep is still read
        const auto& sweep = sweepPage(stage).model().sweep();
        return sweep ? sweep->ranking().size() : 0;
    }

private Q_SLOTS:
    void initTestCase() { m_theme = std::make_unique<Theme>(*qApp, ThemeMode::Light); }
    void cleanupTestCase() { m_theme.reset(); }

    void trainsEveryTrialAndHandsOverTheBest() {
        FakeEngineOptions options;
        options.steps = 60, options.evalEvery = 10, options.failAboveRate = 1e-3;
        Stage stage(*m_theme, options);
        QVERIFY(stage.window->showStation("train"));
        readyToSweep(stage, 60);
        startSweep(stage, SweepKind::Grid, 9, "2e-6,2e-4,2e-2", "4,8");
        QTRY_VERIFY(sweepEnded(stage));
        const SweepState sweep = *sweepPage(stage).model().sweep();
        QCOMPARE(sweep.trials.size(), std::size_t{6});
        QCOMPARE(sweep.ranking().size(), std::size_t{4});
        QVERIFY(sweep.trials[4].failed && sweep.trials[5].failed);
        QCOMPARE(sweep.trials[sweep.ranking()[0]].values[0], std::string("2e-04")); // where the fake learns most
        // The table shows the same order; the failed stand last with their reason.
        const SweepTableModel& model = sweepPage(stage).model();
        QCOMPARE(model.rowCount(), 6);
        QCOMPARE(model.index(0, 0).data().toString(), QString("1"));
        QVERIFY(model.index(5, model.stateColumn()).data().toString().contains("NaN or Inf"));
        sweepPage(stage).select(qint64(sweep.ranking()[0]));
        QTRY_VERIFY(button(stage, "Use this recipe") && button(stage, "Use this recipe")->isEnabled());
        QTRY_VERIFY(trainView(stage).history().model().rowCount() == 6);
        button(stage, "Use this recipe")->click();
        QCOMPARE(effectiveLearningRate(trainView(stage).setup().config()), 2e-4);
    }

    void stopsAndGoesOn() {
        FakeEngineOptions options;
        options.steps = 60, options.evalEvery = 10, options.stepTime = std::chrono::milliseconds(5);
        Stage stage(*m_theme, options);
        QVERIFY(stage.window->showStation("train"));
        readyToSweep(stage, 60);
        startSweep(stage, SweepKind::Grid, 9, "2e-5,2e-4", "4,8");
        QTRY_VERIFY(measured(stage) > 0);
        QString reason;
        QVERIFY(!trainView(stage).canClose(reason) && reason.contains("sweep"));
        QTRY_VERIFY(button(stage, "Stop the sweep"));
        button(stage, "Stop the sweep")->click();
        QTRY_VERIFY(!sweepPage(stage).driver().isActive());
        QTRY_COMPARE(sweepPage(stage).model().sweep()->record.state, std::string("stopped"));
        const std::size_t before = measured(stage);
        QVERIFY(before >= 1 && before < 4);
        QTRY_VERIFY(button(stage, "Continue") && button(stage, "Continue")->isEnabled());
        button(stage, "Continue")->click();
        QTRY_VERIFY(sweepEnded(stage));
        QCOMPARE(measured(stage), std::size_t{4});
        QCOMPARE(stage.project.get()->runs().list()->size(), std::size_t{4});
    }

    void wrongValuesAreSaidAndLockTheStart() {
        Stage stage(*m_theme);
        QVERIFY(stage.window->showStation("train"));
        readyToSweep(stage, 60);
        SweepForm& form = sweepPage(stage).form();
        QVERIFY(form.plan());
        form.setKnob(1, "method.r", "0,4");
        QTRY_VERIFY(!form.plan());
        QVERIFY(!sweepPage(stage).isReady());
        QVERIFY(!button(stage, "Start the sweep")->isEnabled());
        bool said = false;
        for (const QLabel* label : form.findChildren<QLabel*>())
            said = said || (label->isVisible() && label->text().contains("Rank (r) cannot be 0"));
        QVERIFY(said);
        form.setKnob(1, "method.r", "2,4");
        QTRY_VERIFY(form.plan() && sweepPage(stage).isReady());
    }
};

ATTUNE_TEST(SweepPageTest)
#include "tst_sweep_page.moc"
