// The curves of a run: those its objective names, those nobody named only on demand, and no more of an earlier run.
#include <QSignalSpy>
#include <QtTest>

#include "core/run/fake_engine.h"
#include "tests/support/test_main.h"
#include "ui/charts/loss_chart.h"
#include "ui/theme.h"
#include "ui/views/train/metric_panel.h"
#include "ui/widgets/message_bar.h"

using namespace attune;

namespace {

StepFinished stepWith(std::int64_t number, std::map<std::string, double> metrics) {
    StepFinished step;
    step.step = number, step.totalSteps = 100, step.learningRate = 1e-4, step.gradientNorm = 0.5, step.tokensPerSecond = 100;
    step.metrics = std::move(metrics);
    return step;
}

const std::vector<MetricSpec> kPairFigures{{"rewards/margins", "Reward margin", "", "Up is good."},
                                      {"rewards/accuracies", "Pairs told apart", "share", "Half is chance."},
                                      {"logps/chosen", "Log-probability", "nats", "Of an answer.", false}};

} // namespace

class MetricPanelTest : public QObject {
    Q_OBJECT
    std::unique_ptr<Theme> m_theme;
    MessageArea* m_messages = nullptr;

private Q_SLOTS:
    void initTestCase() {
        m_theme = std::make_unique<Theme>(*qApp, ThemeMode::Light);
        m_messages = new MessageArea;
    }
    void cleanupTestCase() {
        delete m_messages;
        m_theme.reset();
    }

    void theObjectivesFiguresAreDrawnByName() {
        MetricPanel panel(*m_messages, nullptr);
        panel.begin(kPairFigures);
        QCOMPARE(panel.titles(), (QStringList{"Gradient norm", "Learning rate"})); // nothing is reported yet
        panel.takeSteps({stepWith(1, {{"rewards/margins", 0.2}, {"rewards/accuracies", 0.5}, {"logps/chosen", -20}, {"odd", 1}})});
        QCOMPARE(panel.titles(), (QStringList{"Reward margin", "Pairs told apart", "Gradient norm", "Learning rate"}));
        panel.setDrawn("logps/chosen", true);
        panel.setDrawn("odd", true); // nobody has words for it
        QVERIFY(panel.titles().contains("Log-probability") && panel.titles().contains("odd"));
        panel.setDrawn("odd", false);
        QVERIFY(!panel.titles().contains("odd"));
        // A share is drawn in per cent; what came before the curve was wanted is in it.
        panel.takeSteps({stepWith(2, {{"rewards/accuracies", 0.75}})});
        QVERIFY2(panel.chart("rewards/accuracies")->csv().contains("2,75,"), qPrintable(panel.chart("rewards/accuracies")->csv()));
        QCOMPARE(panel.chart("logps/chosen")->pointCount(), qsizetype(1));
        EvalFinished eval;
        eval.step = 2, eval.metrics = {{"rewards/margins", 0.4}};
        panel.takeEvals({eval});
        QVERIFY(panel.chart("rewards/margins")->csv().contains("0.4"));
        // Another run begins without any of it, but what was chosen by hand stays chosen.
        panel.begin({});
        QCOMPARE(panel.titles(), (QStringList{"Gradient norm", "Learning rate"}));
    }

    void aContinuedRunReplacesWhatItRepeats() {
        MetricPanel panel(*m_messages, nullptr);
        panel.begin(kPairFigures);
        for (int i = 1; i <= 10; ++i)
            panel.takeSteps({stepWith(i, {{"rewards/margins", double(i)}})});
        panel.takeSteps({stepWith(6, {{"rewards/margins", 60}}), stepWith(7, {{"rewards/margins", 70}})});
        LossChart* chart = panel.chart("rewards/margins");
        QCOMPARE(chart->pointCount(), qsizetype(7));
        QVERIFY(chart->csv().contains("6,60,") && !chart->csv().contains("6,6,"));
        panel.setDrawn("rewards/margins", false);
        panel.setDrawn("rewards/margins", true); // drawn anew from what is kept
        QCOMPARE(panel.chart("rewards/margins")->pointCount(), qsizetype(7));
    }

    void smoothingFollowsTheLengthOfTheRun() {
        QCOMPARE(LossChart::automaticSmoothing(10), 0.0);
        QVERIFY(std::abs(LossChart::automaticSmoothing(60) - 2.0 / 3) < 1e-12);
        QVERIFY(LossChart::automaticSmoothing(100'000) == 1 - 1.0 / 40);
        LossChart chart;
        chart.setAutomaticSmoothing();
        for (int i = 1; i <= 300; ++i)
            chart.append({{double(i), i % 2 ? 1.0 : 3.0}});
        QVERIFY(chart.smoothing() > 0.9 && chart.smoothing() < 0.94);
        QVERIFY(std::abs(chart.smoothed().back().y - 2) < 0.1);
        chart.setSmoothing(0.5);
        chart.append({{301, 1}});
        QCOMPARE(chart.smoothing(), 0.5); // by hand it stays
    }
};

ATTUNE_TEST(MetricPanelTest)
#include "tst_metric_panel.moc"
