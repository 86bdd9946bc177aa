// Preference files as other tools write them, from the command line: imported, trained, the objective's curves recorded;
// the wrong objective is refused with what to choose instead.
#include <QtTest>

#include <QFile>
#include <QTemporaryDir>

#include "core/base/json.h"
#include "tests/support/cli_process.h"
#include "tests/support/test_data.h"
#include "tests/support/test_main.h"

using attune::test::kResources;

namespace {

QString preferenceRecipe(const QString& folder, const std::filesystem::path& data, const QString& objective) {
    const QString path = folder + "/" + objective + ".yaml";
    QFile file(path);
    if (!file.open(QIODevice::WriteOnly))
        return {};
    file.write(QString("model: %1/starter_model\n"
                       "data:\n  train: %2\n"
                       "method:\n  id: lora\n  r: 4\n"
                       "objective:\n  id: %3\n"
                       "training:\n  max_steps: 6\n  batch_size: 4\n  eval_every: 3\n  max_length: 256\n  sample_max_tokens: 0\n"
                       "  learning_rate: 0.001\n")
                   .arg(kResources, QString::fromStdString(data.string()), objective)
                   .toUtf8());
    return path;
}

} // namespace

class TestPreferenceData : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void filesOfOtherToolsTrain_data() {
        QTest::addColumn<QString>("file");
        QTest::addColumn<QString>("objective");
        for (const char* objective : {"dpo", "orpo", "simpo", "cpo"})
            QTest::newRow(objective) << "finetune/llamafactory/dpo_en_demo.json" << objective;
        QTest::newRow("kto") << "finetune/llamafactory/kto_en_demo.json" << "kto";
    }
    void filesOfOtherToolsTrain() {
        QFETCH(QString, file);
        QFETCH(QString, objective);
        ATTUNE_REQUIRE_TEST_DATA(file.toStdString());
        QTemporaryDir folder;
        const QString run = folder.path() + "/run";
        const auto result = attune::test::runCli({"train", preferenceRecipe(folder.path(), dataPath, objective), "--out", run});
        QVERIFY2(result.exitStatus == 0, result.errors.constData());
        QVERIFY(QFile::exists(run + "/adapter/adapter_model.safetensors"));
        QFile metrics(run + "/metrics.jsonl");
        QVERIFY(metrics.open(QIODevice::ReadOnly));
        int steps = 0, evals = 0;
        while (!metrics.atEnd()) {
            const attune::Json event = attune::Json::parse(metrics.readLine().toStdString());
            if (event.at("type") != "step" && event.at("type") != "eval")
                continue;
            (event.at("type") == "step" ? steps : evals) += 1;
            QVERIFY(event.at("metrics").contains("rewards/chosen") || objective == "kto");
            if (event.at("type") == "eval")
                QVERIFY(event.at("metrics").contains("rewards/margins"));
        }
        QCOMPARE(steps, 6);
        QCOMPARE(evals, 3);
    }

    void theWrongObjectiveIsRefused() {
        ATTUNE_REQUIRE_TEST_DATA("finetune/llamafactory/dpo_en_demo.json");
        QTemporaryDir folder;
        for (const char* objective : {"kto", "sft", "pretrain"}) {
            const auto result = attune::test::runCli({"train", preferenceRecipe(folder.path(), dataPath, objective), "--out",
                                                      folder.path() + "/" + objective});
            QCOMPARE(result.exitStatus, 1);
            QVERIFY2(result.errors.contains("preference pairs"), result.errors.constData());
            QVERIFY2(result.errors.contains("dpo, orpo, simpo, cpo"), result.errors.constData());
        }
    }
};

ATTUNE_TEST(TestPreferenceData)
#include "tst_preference_data.moc"
