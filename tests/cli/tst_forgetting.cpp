// Forgetting on the command line: the probe's numbers before and after, protections that lack their data, and the memory that grows from
// one run to the next.
#include <QtTest>

#include <algorithm>

#include <QDir>
#include <QFile>
#include <QTemporaryDir>

#include "core/base/files.h"
#include "tests/support/cli_process.h"
#include "tests/support/test_main.h"

using attune::test::kResources;
using attune::test::runCli;

namespace {

QString forgettingRecipe(const QString& folder, const QString& more) {
    const QString path = folder + "/recipe.yaml";
    QFile file(path);
    if (!file.open(QIODevice::WriteOnly))
        return {};
    file.write(QString("model: %1/starter_model\n"
                       "data:\n  train: %1/sample_project/test.jsonl\n  validation_share: 0\n%2"
                       "training:\n  max_steps: 4\n  batch_size: 4\n  sample_max_tokens: 0\n  learning_rate: 0.002\n")
                   .arg(kResources, more)
                   .toUtf8());
    return path;
}

} // namespace

class TestForgetting : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void theProbeIsPrintedAndSummedUp() {
        QTemporaryDir folder;
        const QString general = "  general: " + kResources + "/sample_project/general\n";
        const QString recipe = forgettingRecipe(folder.path(), general + "protection:\n  id: replay\n");
        const auto ran = runCli({"train", recipe, "--out", folder.path() + "/run"});
        QVERIFY2(ran.exitStatus == 0, ran.errors.constData());
        QVERIFY2(ran.errors.contains("step 0: general loss") && ran.errors.contains("perplexity"), ran.errors.constData());
        QVERIFY2(ran.errors.contains("general data: loss") && ran.errors.contains("before"), ran.errors.constData());
        const auto metrics = attune::readFile((folder.path() + "/run/metrics.jsonl").toStdString()).value();
        for (const char* what : {"\"name\":\"general\"", "token_accuracy", "replay/share", "replay/loss"})
            QVERIFY2(metrics.find(what) != std::string::npos, what);
        // What a run is judged by changes nothing of its weights: it may be another when a run is continued.
        const auto judged = runCli({"train", recipe, "--out", folder.path() + "/run", "--resume", "--set", "training.forgetting_limit=0.5"});
        QVERIFY2(judged.exitStatus == 0, judged.errors.constData());
        const auto without = runCli({"train", forgettingRecipe(folder.path(), ""), "--out", folder.path() + "/plain"});
        QVERIFY2(without.exitStatus == 0 && without.errors.contains("not measured (data.general)"), without.errors.constData());
    }

    void missingAndWrongGeneralDataIsRefused() {
        QTemporaryDir folder;
        for (const char* protection : {"replay", "ewc", "null_space"}) {
            const auto ran = runCli({"train", forgettingRecipe(folder.path(), ""), "--set", QString("protection.id=") + protection, "--out", folder.path() + "/run"});
            QVERIFY(ran.exitStatus != 0);
            QVERIFY2(ran.errors.contains("data.general"), ran.errors.constData());
        }
        QFile pairs(folder.path() + "/pairs.jsonl");
        QVERIFY(pairs.open(QIODevice::WriteOnly));
        pairs.write("{\"prompt\": \"p\", \"chosen\": \"c\", \"rejected\": \"r\"}\n");
        pairs.close();
        const auto ran = runCli({"train", forgettingRecipe(folder.path(), ""), "--set", "data.general=" + pairs.fileName(), "--out", folder.path() + "/run"});
        QVERIFY(ran.exitStatus != 0);
        QVERIFY2(ran.errors.contains("texts or conversations") && ran.errors.contains("row 1"), ran.errors.constData());
    }

    void adaptersAreHeldInTheNullSpaceOfGeneralData() {
        QTemporaryDir folder;
        const QString recipe = forgettingRecipe(folder.path(), "  general: " + kResources + "/sample_project/general\nprotection:\n  id: null_space\n");
        const auto ran = runCli({"train", recipe, "--out", folder.path() + "/run"});
        QVERIFY2(ran.exitStatus == 0, ran.errors.constData());
        QVERIFY(runCli({"train", recipe, "--set", "protection.id=none", "--out", folder.path() + "/plain"}).exitStatus == 0);
        const auto adapter = [&](const char* run) { return attune::readFile((folder.path() + "/" + run + "/adapter/adapter_model.safetensors").toStdString()).value(); };
        QVERIFY(adapter("run").size() == adapter("plain").size() && adapter("run") != adapter("plain"));
        const auto full = runCli({"train", recipe, "--set", "method.id=full", "--out", folder.path() + "/full"});
        QVERIFY2(full.exitStatus != 0 && full.errors.contains("holds adapters, and this method trains none"), full.errors.constData());
        for (const char* setting : {"method.init=pissa", "method.use_dora=true", "method.modules_to_save=embed_tokens", "method.trainable_token_indices=5"}) {
            const auto other = runCli({"train", recipe, "--set", setting, "--out", folder.path() + "/other"});
            QVERIFY2(other.exitStatus != 0 && other.errors.contains("The protection \"Learn where general text is quiet"), other.errors.constData());
        }
        const auto again = runCli({"train", recipe, "--set", "start=" + folder.path() + "/run", "--out", folder.path() + "/again"});
        QVERIFY2(again.exitStatus != 0 && again.errors.contains("begins with a new adapter"), again.errors.constData());
    }

    void theMemoryGrowsFromRunToRun() {
        QTemporaryDir folder;
        const QString recipe = forgettingRecipe(folder.path(), "protection:\n  id: memory\n  rows: 40\n");
        const QString memory = folder.path() + "/replay_memory.jsonl";
        QVERIFY(runCli({"train", recipe, "--out", folder.path() + "/one"}).exitStatus == 0);
        const auto first = attune::readFile(memory.toStdString()).value();
        QCOMPARE(static_cast<int>(std::count(first.begin(), first.end(), '\n')), 41); // a head and the rows
        QVERIFY(first.find("\"seen\":150") != std::string::npos);
        const auto metrics = attune::readFile((folder.path() + "/one/metrics.jsonl").toStdString()).value();
        QVERIFY(metrics.find("replay/share") == std::string::npos); // nothing to mix in yet
        QVERIFY(runCli({"train", recipe, "--set", "training.seed=7", "--out", folder.path() + "/two"}).exitStatus == 0);
        const auto second = attune::readFile((folder.path() + "/two/metrics.jsonl").toStdString()).value();
        QVERIFY(second.find("replay/share") != std::string::npos);
        QVERIFY(attune::readFile(memory.toStdString()).value().find("\"seen\":300") != std::string::npos);
        QCOMPARE(attune::readFile((folder.path() + "/two/replay_memory.jsonl").toStdString()).value(), first); // as it was at the start
        QFile damaged(memory);
        QVERIFY(damaged.open(QIODevice::WriteOnly));
        damaged.write("not a memory\n");
        damaged.close();
        const auto ran = runCli({"train", recipe, "--out", folder.path() + "/three"});
        QVERIFY(ran.exitStatus != 0 && ran.errors.contains("replay_memory.jsonl, line 1"));
    }

    void aDeeperModelCanBeExported() {
        QTemporaryDir folder;
        const QString recipe = forgettingRecipe(folder.path(), "method:\n  id: progressive\n  new_blocks: 3\n");
        const auto ran = runCli({"train", recipe, "--out", folder.path() + "/run"});
        QVERIFY2(ran.exitStatus == 0, ran.errors.constData());
        const auto config = attune::readFile((folder.path() + "/run/model/config.json").toStdString()).value();
        QVERIFY2(config.find("\"num_hidden_layers\": 9") != std::string::npos, config.c_str());
        const auto exported = runCli({"--json", "export", "--run", folder.path() + "/run", "--format", "merged", "--out", folder.path() + "/model"});
        QVERIFY2(exported.exitStatus == 0, exported.errors.constData());
    }
};

ATTUNE_TEST(TestForgetting)
#include "tst_forgetting.moc"
