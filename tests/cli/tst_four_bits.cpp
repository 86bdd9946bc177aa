// A model in 4 bits all the way through the command line: written by an export, trained on again, and exported whole for other programs; and
// the table of methods that says what each would need.
#include <QtTest>

#include <QDir>
#include <QFile>
#include <QTemporaryDir>

#include "core/base/files.h"
#include "core/base/json.h"
#include "tests/support/cli_process.h"
#include "tests/support/test_main.h"

using attune::Json;
using attune::test::CliResult;
using attune::test::kResources;
using attune::test::runCli;

namespace {

Json oneLine(const CliResult& result) {
    if (result.exitStatus != 0)
        qFatal("exit status %d: %s", result.exitStatus, result.errors.constData());
    return Json::parse(result.output.trimmed().split('\n').last().toStdString());
}

// Two steps of `method` on `model`; the run's folder.
QString trainShortly(const QString& folder, const QString& name, const QString& model, const QString& method) {
    QFile file(folder + "/" + name + ".yaml");
    if (!file.open(QIODevice::WriteOnly))
        return {};
    file.write(QString("model: %1\ndata:\n  train: %2/sample_project/train.jsonl\n  validation: %2/sample_project/validation.jsonl\n"
                       "method:\n  id: %3\ntraining:\n  max_steps: 2\n  batch_size: 2\n  sample_max_tokens: 0\n  learning_rate: 0.002\n")
                   .arg(model, kResources, method)
                   .toUtf8());
    file.close();
    const CliResult trained = runCli({"train", file.fileName(), "--out", folder + "/" + name});
    if (trained.exitStatus != 0)
        qFatal("%s", trained.errors.constData());
    return folder + "/" + name;
}

} // namespace

class TestFourBits : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void exportsTrainAgainAndLeave() {
        const QTemporaryDir temporary;
        const QString folder = temporary.path(), packed = folder + "/packed";
        const QString first = trainShortly(folder, "first", kResources + "/starter_model", "lora");
        const Json written = oneLine(runCli({"--json", "export", "--run", first, "--format", "nf4", "--out", packed}));
        QVERIFY(written["compared_tokens"].get<int>() > 100 && written["token_agreement"].get<double>() > 0.3);
        QVERIFY(QFile::exists(packed + "/model.safetensors") && QFile::exists(packed + "/tokenizer.json") && QFile::exists(packed + "/config.json"));
        QVERIFY(QFileInfo(packed + "/model.safetensors").size() < QFileInfo(kResources + "/starter_model/model.safetensors").size());

        // The base and the adapter apart.
        const Json apart = oneLine(runCli({"--json", "export", "--run", first, "--format", "nf4", "--out", folder + "/apart", "--set", "merge=false"}));
        QVERIFY(QFile::exists(folder + "/apart/adapter/adapter_model.safetensors") && apart["compared_tokens"].get<int>() > 100);

        // It is trained on again without being unpacked, whole weights are refused in words, and it leaves in 16 bits and as GGUF.
        const QString second = trainShortly(folder, "second", packed, "qlora");
        const Json merged = oneLine(runCli({"--json", "export", "--run", second, "--format", "merged", "--out", folder + "/whole"}));
        QVERIFY2(merged["token_agreement"].get<double>() > 0.97, merged.dump().c_str()); // 16 bits round once
        const Json gguf = oneLine(runCli({"--json", "export", "--run", second, "--format", "gguf", "--quant", "bf16", "--out", folder + "/gguf"}));
        QVERIFY2(gguf["token_agreement"].get<double>() > 0.97, gguf.dump().c_str());
        QFile recipe(folder + "/second.yaml");
        QVERIFY(recipe.open(QIODevice::ReadOnly));
        const CliResult refused = runCli({"train", recipe.fileName(), "--out", folder + "/full", "--set", "method.id=full"});
        QVERIFY(refused.exitStatus == 1 && refused.errors.contains("4 bits") && refused.errors.contains("QLoRA"));
    }

    void estimateComparesTheMethods() {
        const Json estimate = oneLine(runCli({"--json", "model", "estimate", kResources + "/starter_model", "--method", "qlora", "--length", "128"}));
        QStringList methods;
        double full = 0, lora = 0;
        for (const Json& method : estimate["methods"]) {
            methods += QString::fromStdString(method["method"].get<std::string>());
            const double total = method["memory"]["total"].get<double>();
            QVERIFY(total > 0 && method["seconds"].get<double>() > 0 && method["trainable_parameters"].get<double>() > 0);
            if (methods.last() == "full")
                full = total;
            if (methods.last() == "lora")
                lora = total;
            if (methods.last() == "qlora")
                QCOMPARE(total, estimate["memory"]["total"].get<double>());
        }
        for (const char* id : {"full", "lora", "qlora", "prompt_tuning"})
            QVERIFY2(methods.contains(id), id);
        QVERIFY(full > lora);
        const CliResult table = runCli({"model", "estimate", kResources + "/starter_model", "--length", "128"});
        QVERIFY(table.exitStatus == 0 && table.output.contains("* lora") && table.output.contains("prompt_tuning"));
    }
};

ATTUNE_TEST(TestFourBits)
#include "tst_four_bits.moc"
