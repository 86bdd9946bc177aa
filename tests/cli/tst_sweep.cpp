// Sweeps as a script starts them: a real one on a small trained model, whose figures a single run repeats; killed and
// continued; wrong input named.
#include <QtTest>

#include <QFile>
#include <QTemporaryDir>

#include <algorithm>
#include <csignal>

#include "core/base/json.h"
#include "tests/support/cli_process.h"
#include "tests/support/test_data.h"
#include "tests/support/test_main.h"

using attune::Json;
using attune::test::CliResult;
using attune::test::kResources;
using attune::test::runCli;

namespace {

QString writeRecipe(const QString& folder, const QString& model, int steps) {
    const QString path = folder + "/recipe.yaml";
    QFile file(path);
    if (!file.open(QIODevice::WriteOnly))
        return {};
    file.write(QString("model: %1\ndata:\n  train: %2/sample_project/validation.jsonl\n  validation: %2/sample_project/test.jsonl\n"
                       "training:\n  max_steps: %3\n  batch_size: 4\n  sample_max_tokens: 0\n  threads: 2\n")
                   .arg(model, kResources)
                   .arg(steps)
                   .toUtf8());
    return path;
}

std::vector<Json> events(const CliResult& result, const char* kind) {
    if (result.exitStatus != 0)
        qFatal("exit status %d: %s", result.exitStatus, result.errors.constData());
    std::vector<Json> found;
    for (const QByteArray& line : result.output.split('\n'))
        if (!line.isEmpty())
            if (Json json = Json::parse(line.toStdString()); json["event"] == kind)
                found.push_back(std::move(json));
    return found;
}

} // namespace

class TestSweepCommand : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void aRealSweepOfATrainedModel() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        QTemporaryDir folder;
        const QString recipe = writeRecipe(folder.path(), QString::fromStdString(dataPath.string()), 12);
        const QStringList command{"--json", "sweep", recipe, "--over", "learning_rate=1e-4,1e-2", "--over", "rank=2,4", "--project", folder.path() + "/s.attune"};
        const auto dry = events(runCli(command + QStringList{"--dry-run"}), "plan");
        QCOMPARE(dry.size(), std::size_t{1});
        QCOMPARE(dry[0]["trials"].get<int>(), 4);
        QCOMPARE(dry[0]["steps"].get<int>(), 48);
        QVERIFY(dry[0]["seconds_estimated"].get<double>() > 0);
        QVERIFY(!QFile::exists(folder.path() + "/s.attune"));

        const CliResult swept = runCli(command);
        const auto trials = events(swept, "trial");
        QCOMPARE(trials.size(), std::size_t{4});
        const auto result = events(swept, "result");
        QCOMPARE(result.size(), std::size_t{1});
        const Json& ranking = result[0]["ranking"];
        QCOMPARE(ranking.size(), std::size_t{4});
        for (std::size_t i = 1; i < ranking.size(); ++i)
            QVERIFY(ranking[i - 1]["validation_loss"].get<double>() <= ranking[i]["validation_loss"].get<double>());
        QCOMPARE(ranking[0]["values"]["training.learning_rate"].get<std::string>(), std::string("0.01")); // 12 steps: the small rate moves nothing

        // The best trial alone, as an ordinary run, ends with the same loss.
        const QString run = folder.path() + "/alone";
        const Json& best = ranking[0]["values"];
        const CliResult alone = runCli({"--json", "train", recipe, "--out", run, "--no-cache", "--set",
                                        "training.learning_rate=" + QString::fromStdString(best["training.learning_rate"].get<std::string>()), "--set",
                                        "method.r=" + QString::fromStdString(best["method.r"].get<std::string>())});
        QCOMPARE(alone.exitStatus, 0);
        double least = 1e9;
        for (const QByteArray& line : alone.output.split('\n'))
            if (line.contains("\"validation\""))
                if (const Json json = Json::parse(line.toStdString()); json.contains("loss") && json["step"].get<int>() > 0)
                    least = std::min(least, json["loss"].get<double>());
        QVERIFY2(std::abs(least - ranking[0]["validation_loss"].get<double>()) < 1e-6, qPrintable(QString::number(least, 'g', 12)));

        // The same command once more, with --resume: nothing is trained again.
        const CliResult again = runCli(command + QStringList{"--resume"});
        QVERIFY(events(again, "trial").empty());
        QCOMPARE(events(again, "result")[0]["ranking"], ranking);
    }

    // Killed several times in its midst, the halved sweep ends with the figures of the undisturbed one.
    void killedAndContinued() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        QTemporaryDir folder;
        const QString recipe = writeRecipe(folder.path(), QString::fromStdString(dataPath.string()), 36);
        const auto command = [&](const char* project) {
            return QStringList{"--json", "sweep", recipe, "--kind", "halving", "--trials", "4", "--eta", "2", "--over", "learning_rate=1e-4..2e-2:log",
                               "--over", "r=2,4,8", "--project", folder.path() + project, "--resume"};
        };
        QElapsedTimer timer;
        timer.start();
        const auto whole = events(runCli(command("/whole.attune")), "result");
        const int duration = int(timer.elapsed());
        QCOMPARE(whole[0]["ranking"].size(), std::size_t{4});
        QCOMPARE(whole[0]["ranking"][0]["rungs_reached"].get<int>(), 3);
        QCOMPARE(whole[0]["ranking"][1]["rungs_reached"].get<int>(), 2);
        int kills = 0;
        for (const int share : {45, 60, 75}) {
            QProcess process;
            process.start(ATTUNE_CLI, command("/killed.attune"));
            if (process.waitForFinished(duration * share / 100))
                continue;
            ::kill(static_cast<pid_t>(process.processId()), SIGKILL);
            process.waitForFinished();
            ++kills;
        }
        QVERIFY(kills > 0);
        const auto continued = events(runCli(command("/killed.attune")), "result");
        QCOMPARE(continued[0]["state"].get<std::string>(), std::string("finished"));
        for (std::size_t i = 0; i < 4; ++i) {
            QCOMPARE(continued[0]["ranking"][i]["values"], whole[0]["ranking"][i]["values"]);
            QCOMPARE(continued[0]["ranking"][i]["validation_loss"], whole[0]["ranking"][i]["validation_loss"]);
        }
    }

    void wrongInputIsNamed_data() {
        QTest::addColumn<QStringList>("arguments");
        QTest::addColumn<QString>("words");
        QTest::newRow("knob") << QStringList{"--over", "learning_rat=1,2"} << "Did you mean learning_rate";
        QTest::newRow("bounds") << QStringList{"--over", "r=0,4"} << "method.r cannot be 0";
        QTest::newRow("range") << QStringList{"--over", "learning_rate=1..2"} << "cannot be 2";
        QTest::newRow("kind") << QStringList{"--over", "r=4,8", "--kind", "gird"} << "Did you mean grid";
        QTest::newRow("metric") << QStringList{"--over", "r=4,8", "--metric", "acuracy"} << "Allowed: validation_loss";
        QTest::newRow("trials") << QStringList{"--over", "r=4,8", "--trials", "5"} << "--trials has no meaning";
        QTest::newRow("rungs") << QStringList{"--over", "r=1..64", "--kind", "halving", "--trials", "81"} << "too short";
    }
    void wrongInputIsNamed() {
        QFETCH(QStringList, arguments);
        QFETCH(QString, words);
        QTemporaryDir folder;
        const QString recipe = writeRecipe(folder.path(), kResources + "/starter_model", 4);
        const CliResult result = runCli(QStringList{"sweep", recipe} + arguments);
        QCOMPARE(result.exitStatus, 1);
        QVERIFY2(result.errors.contains(words.toUtf8()) && result.errors.contains("next:"), result.errors.constData());
    }
    void wrongUsageIsStatusTwo() {
        QCOMPARE(runCli({"sweep", "recipe.yaml"}).exitStatus, 2);
        QCOMPARE(runCli({"sweep", "recipe.yaml", "--over", "r=1,2", "--eta", "1"}).exitStatus, 2);
    }
};

ATTUNE_TEST(TestSweepCommand)
#include "tst_sweep.moc"
