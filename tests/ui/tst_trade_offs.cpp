// What runs gained and lost: the figures are those of the checkpoint a run keeps, runs that do not compare are left out and counted,
// and without figures there are words instead of an empty picture.
#include "gallery_train.h"
#include "tests/support/test_main.h"
#include "ui/charts/scatter_chart.h"
#include "ui/models/trade_offs.h"

using namespace attune;
using namespace attune::gallery;

class TradeOffsTest : public QObject {
    Q_OBJECT
private:
    std::unique_ptr<Theme> m_theme;

    static qint64 addRun(Project& project, const RunConfig& recipe, const std::vector<MetricPoint>& points, const std::string& state = "finished") {
        RunRecord run;
        run.name = recipe.name, run.recipe = toYaml(recipe), run.state = "queued";
        const auto id = project.runs().add(run);
        if (!id || !project.runs().appendMetrics(*id, points).get() || !project.runs().setState(*id, state))
            qFatal("the run was not kept");
        return *id;
    }

private Q_SLOTS:
    void initTestCase() { m_theme = std::make_unique<Theme>(*qApp, ThemeMode::Light); }
    void cleanupTestCase() { m_theme.reset(); }

    void figuresAreThoseOfTheBestCheckpoint() {
        Stage stage(*m_theme);
        const auto project = stage.openProject();
        RunConfig recipe;
        recipe.name = "first", recipe.model = "/m", recipe.data.datasetVersion = 1;
        const qint64 id = addRun(*project, recipe,
                                 {{"validation_loss", 0, 3.0}, {"validation_loss", 10, 1.5}, {"validation_loss", 20, 1.75}, {"general_loss", 0, 2.0}, {"general_loss", 10, 2.25}, {"general_loss", 20, 2.5}});
        const auto found = readTradeOffs(*project, id, stage.runs.catalog());
        QVERIFY(found && found->runs.size() == 1);
        QCOMPARE(found->runs[0].gained, 1.5);
        QCOMPARE(found->runs[0].lost, 0.25); // of step 10, not of the last
        QCOMPARE(found->runs[0].protection, QString("None"));
    }

    void whatDoesNotCompareIsCounted() {
        Stage stage(*m_theme);
        const auto project = stage.openProject();
        const std::vector<MetricPoint> both{{"validation_loss", 0, 3.0}, {"validation_loss", 10, 1.5}, {"general_loss", 0, 2.0}, {"general_loss", 10, 2.25}};
        RunConfig recipe;
        recipe.name = "first", recipe.model = "/m", recipe.data.datasetVersion = 1;
        const qint64 first = addRun(*project, recipe, both);
        recipe.protection = {"replay", {}};
        addRun(*project, recipe, both, "stopped");
        addRun(*project, recipe, {{"validation_loss", 0, 3.0}, {"validation_loss", 10, 1.5}}); // no general data
        addRun(*project, recipe, both, "failed");
        for (const auto& change : std::vector<std::function<void(RunConfig&)>>{[](RunConfig& c) { c.model = "/other"; }, [](RunConfig& c) { c.data.datasetVersion = 2; },
                                                                               [](RunConfig& c) { c.objective.id = "dpo"; }, [](RunConfig& c) { c.data.general = "other.txt"; }}) {
            RunConfig other = recipe;
            change(other);
            addRun(*project, other, both);
        }
        const auto found = readTradeOffs(*project, first, stage.runs.catalog());
        QVERIFY(found.has_value());
        QCOMPARE(found->runs.size(), std::size_t(2));
        QCOMPARE(found->runs[1].protection, QString("Replay of general data"));
        QCOMPARE(found->unmeasured, 1);
        QCOMPARE(found->others, 4);
        QVERIFY(readTradeOffs(*project, 999, stage.runs.catalog())->runs.empty());
    }

    void theHistoryShowsThem() {
        Stage stage(*m_theme);
        QVERIFY(stage.window->showStation("train"));
        stage.openProject(addProtectedRuns);
        trainView(stage).showPage(TrainView::HistoryIndex);
        CurvesCard& curves = trainView(stage).history().curves();
        QTRY_COMPARE(trainView(stage).history().model().rowCount(), 5);
        curves.showPage(CurvesCard::GainedAndLost);
        QTRY_COMPARE(curves.scatter().csv().trimmed().split('\n').size(), 6);
        QVERIFY(curves.scatter().isVisible());
        const QStringList lines = curves.scatter().csv().trimmed().split('\n');
        QCOMPARE(lines[0], QString("name,group,\"general loss rose by\",\"validation loss fell by\""));
        QVERIFY(curves.scatter().csv().contains("\"LoRA r 16, replay 15 %\",\"Replay of general data\",0.07,1.95"));
        curves.showPage(CurvesCard::Losses);
        QVERIFY(!curves.scatter().isVisible());
    }
};

ATTUNE_TEST(TradeOffsTest)
#include "tst_trade_offs.moc"
