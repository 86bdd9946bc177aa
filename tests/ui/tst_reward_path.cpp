// The way to PPO opens only when a reward model on the same base model was right often enough about pairs it had not seen.
#include <QLabel>
#include <QPushButton>
#include <QSignalSpy>
#include <QtTest>

#include "core/run/fake_engine.h"
#include "core/store/dataset_appender.h"
#include "core/store/project.h"
#include "tests/support/test_main.h"
#include "ui/bridge/qt_convert.h"
#include "ui/views/train/reward_path.h"

using namespace attune;

namespace {

Catalog withPractice() {
    Catalog catalog = fakeCatalog();
    std::erase_if(catalog.objectives, [](const ObjectiveEntry& each) { return each.description.id == "ppo"; });
    ParamSpec model, least;
    model.key = "reward_model", model.defaultValue = std::string();
    least.key = "reward_model_min_accuracy", least.defaultValue = 0.65;
    catalog.objectives.push_back({{"ppo", "Practise", "", {model, least}}, "chat"});
    return catalog;
}

RewardModelRun judge(double accuracy, const std::string& model = "/models/base") {
    return {7, "Run 7", "/project/runs/7", model, true, accuracy, 80};
}

QString words(const QWidget& path) {
    QStringList all;
    for (const QLabel* label : path.findChildren<QLabel*>())
        all << label->text();
    return all.join('\n');
}

QPushButton* buttonCalled(const QWidget& path, const QString& text) {
    for (QPushButton* each : path.findChildren<QPushButton*>())
        if (each->text() == text)
            return each;
    return nullptr;
}

} // namespace

class RewardPathTest : public QObject {
    Q_OBJECT
    std::unique_ptr<Theme> m_theme;
    Catalog m_catalog = withPractice();

private Q_SLOTS:
    void initTestCase() { m_theme = std::make_unique<Theme>(*qApp, ThemeMode::Light); }
    void cleanupTestCase() { m_theme.reset(); }

    void withoutARewardModelTheFirstStepIsNext() {
        RewardPath path(m_catalog, nullptr);
        path.show({}, "/models/base");
        QVERIFY(!path.ready() && !buttonCalled(path, "Set up PPO")->isEnabled());
        QSignalSpy wanted(&path, &RewardPath::rewardModelWanted);
        buttonCalled(path, "Set it up")->click();
        QCOMPARE(wanted.count(), 1);
        QVERIFY(words(path).contains("65 %")); // what the objective asks for
    }
    void aPoorJudgeKeepsTheWayClosed() {
        RewardPath path(m_catalog, nullptr);
        path.show({judge(0.6)}, "/models/base");
        QVERIFY(!path.ready() && !buttonCalled(path, "Set up PPO")->isEnabled());
        // 48 of 80: Wilson's interval is 49.0 to 70.0 %.
        QVERIFY2(words(path).contains("right about 60 % of 80 pairs it had not seen (95 % interval 49 % to 70 %)"), qPrintable(words(path)));
        QVERIFY(words(path).contains("below 65 %"));
    }
    void fewPairsProveNothing() {
        RewardPath path(m_catalog, nullptr);
        RewardModelRun few = judge(0.8);
        few.pairs = 5;
        path.show({few}, "/models/base");
        QVERIFY(!path.ready()); // 4 of 5: Wilson's interval is 37.6 to 96.4 %
        QVERIFY2(words(path).contains("too few pairs") && words(path).contains("38 % to 96 %"), qPrintable(words(path)));
    }
    void notMeasuredIsNotGood() {
        RewardPath path(m_catalog, nullptr);
        path.show({judge(-1)}, "/models/base");
        QVERIFY(!path.ready());
        QVERIFY(words(path).contains("not measured"));
    }
    void aGoodJudgeOpensIt() {
        RewardPath path(m_catalog, nullptr);
        path.show({judge(0.6), judge(0.72)}, "/models/base");
        QVERIFY(path.ready());
        QCOMPARE(path.rewardModel()->accuracy, 0.72);
        QSignalSpy wanted(&path, &RewardPath::practiceWanted);
        buttonCalled(path, "Set up PPO")->click();
        QCOMPARE(wanted.count(), 1);
        QCOMPARE(wanted.front().front().toString(), QString("/project/runs/7"));
    }
    void aJudgeOnAnotherModelOrWithoutAdapterIsOfNoUse() {
        RewardPath path(m_catalog, nullptr);
        path.show({judge(0.9, "/models/other")}, "/models/base");
        QVERIFY(!path.ready());
        RewardModelRun whole = judge(0.9);
        whole.adapter = false;
        path.show({whole}, "/models/base");
        QVERIFY(!path.ready());
        QVERIFY(words(path).contains("another base model"));
    }
    void rewardModelsAreReadFromTheProject() {
        QTemporaryDir folder;
        const auto project = Project::create(fspath(folder.filePath("p.attune")));
        QVERIFY(project.has_value());
        auto appender = *(*project)->datasets().beginImport("pairs", "pairs.jsonl", "{}");
        for (int i = 0; i < 12; ++i) {
            Sample sample;
            sample.kind = SampleKind::Preference;
            sample.messages = {{"user", "Question " + std::to_string(i)}};
            sample.chosen = "Yes", sample.rejected = "No";
            sample.split = i < 4 ? Split::Validation : Split::Train;
            QVERIFY(appender->add(sample).has_value());
        }
        QVERIFY(appender->commit().has_value());
        const auto version = (*project)->datasets().freeze(appender->datasetId());
        RunConfig config;
        config.model = "/models/base";
        config.data.datasetVersion = version->id;
        config.objective.id = "reward";
        RunRecord record;
        record.name = "Judge", record.recipe = toYaml(config), record.state = "queued", record.datasetVersion = version->id;
        const auto id = (*project)->runs().add(record);
        QVERIFY(id.has_value());
        (*project)->runs().appendMetrics(*id, {{"validation_rewards/accuracies", 0, 0.25},
                                               {"validation_rewards/accuracies", 10, 0.75},
                                               {"validation_rewards/accuracies", 20, 0.5}}).get();
        QVERIFY((*project)->runs().setNumbers(*id, {{"best_step", 10}}).has_value());
        const auto none = readRewardModels(**project, m_catalog);
        QVERIFY(none.has_value() && none->empty()); // not finished yet
        QVERIFY((*project)->runs().setState(*id, "finished").has_value());
        const auto runs = readRewardModels(**project, m_catalog);
        QVERIFY(runs.has_value());
        QCOMPARE(runs->size(), std::size_t(1));
        QCOMPARE(runs->front().accuracy, 0.75); // of the weights that were kept
        QCOMPARE(runs->front().pairs, qint64(4));
        QCOMPARE(runs->front().model, std::string("/models/base"));
    }
};

ATTUNE_TEST(RewardPathTest)
#include "tst_reward_path.moc"
