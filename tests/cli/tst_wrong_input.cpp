// What goes wrong is told: exit status, the thing by name, the next step; never a crash, nothing half-written.
#include <QtTest>

#include <QDir>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTemporaryDir>

#include "tests/support/cli_process.h"
#include "tests/support/test_main.h"

using attune::test::CliResult;
using attune::test::kResources;
using attune::test::runCli;

namespace {

const QString kModel = kResources + "/starter_model";
const QString kTrain = kResources + "/sample_project/train.jsonl";

QString write(const QString& path, const QByteArray& content) {
    QFile file(path);
    return file.open(QIODevice::WriteOnly) && file.write(content) == content.size() ? path : QString();
}

void copyFolder(const QString& from, const QString& to) {
    QDir().mkpath(to);
    for (const QString& name : QDir(from).entryList(QDir::Files))
        QFile::copy(from + "/" + name, to + "/" + name);
}

QString recipe(const QString& folder, const QString& model, const QString& train, const QString& more = {}) {
    return write(folder + "/recipe.yaml",
                 QString("model: %1\ndata:\n  train: %2\ntraining:\n  max_steps: 2\n  sample_max_tokens: 0\n%3").arg(model, train, more).toUtf8());
}

} // namespace

class TestWrongInput : public QObject {
    Q_OBJECT

    // Exit status 1 (or 2 for wrong usage), no crash, and every expected word in the message.
    void expectFailure(const CliResult& result, const QStringList& words, int status = 1) {
        QVERIFY2(!result.crashed, result.errors.constData());
        QVERIFY2(result.exitStatus == status, ("status " + QByteArray::number(result.exitStatus) + ": " + result.errors).constData());
        for (const QString& word : words)
            QVERIFY2(QString::fromUtf8(result.errors).contains(word, Qt::CaseInsensitive),
                     (word.toUtf8() + " is not in: " + result.errors).constData());
        if (status == 1)
            QVERIFY2(result.errors.contains("next:"), result.errors.constData());
    }

private Q_SLOTS:
    void aMissingFile() {
        QTemporaryDir folder;
        expectFailure(runCli({"train", recipe(folder.path(), kModel, "/nowhere/rows.jsonl"), "--out", folder.path() + "/run"}),
                      {"/nowhere/rows.jsonl"});
        expectFailure(runCli({"score", "--model", "/nowhere/model", "-"}, "{\"text\": \"a\"}\n"), {"/nowhere/model"});
        expectFailure(runCli({"train", "/nowhere/recipe.yaml"}), {"/nowhere/recipe.yaml"});
    }

    void aTruncatedModelFile() {
        QTemporaryDir folder;
        const QString model = folder.path() + "/model";
        copyFolder(kModel, model);
        QFile weights(model + "/model.safetensors");
        QVERIFY(weights.resize(weights.size() / 2));
        expectFailure(runCli({"score", "--model", model, "-"}, "{\"text\": \"a\"}\n"), {"model.safetensors"});
    }

    void aWrongShape() {
        QTemporaryDir folder;
        const QString model = folder.path() + "/model";
        copyFolder(kModel, model);
        QFile config(model + "/config.json");
        QVERIFY(config.open(QIODevice::ReadOnly));
        const QJsonDocument json = QJsonDocument::fromJson(config.readAll());
        config.close();
        QJsonObject object = json.object();
        object["intermediate_size"] = object["intermediate_size"].toInt() + 16;
        QVERIFY(!write(model + "/config.json", QJsonDocument(object).toJson()).isEmpty());
        expectFailure(runCli({"score", "--model", model, "-"}, "{\"text\": \"a\"}\n"),
                      {"gate_proj", QString::number(object["intermediate_size"].toInt())});
    }

    void aTokenizerThatDoesNotFit() {
        QTemporaryDir folder;
        const QString model = folder.path() + "/model";
        copyFolder(kModel, model);
        QFile file(model + "/tokenizer.json");
        QVERIFY(file.open(QIODevice::ReadOnly));
        QJsonObject object = QJsonDocument::fromJson(file.readAll()).object();
        file.close();
        QJsonArray added = object["added_tokens"].toArray();
        added.append(QJsonObject{{"id", 70000}, {"content", "<|far|>"}, {"single_word", false}, {"lstrip", false},
                                 {"rstrip", false}, {"normalized", false}, {"special", true}});
        object["added_tokens"] = added;
        QVERIFY(!write(model + "/tokenizer.json", QJsonDocument(object).toJson()).isEmpty());
        expectFailure(runCli({"score", "--model", model, "-"}, "{\"text\": \"a\"}\n"), {"tokenizer"});
    }

    void aRowThatIsNotJson() {
        QTemporaryDir folder;
        QFile source(kTrain);
        QVERIFY(source.open(QIODevice::ReadOnly));
        QByteArray rows;
        for (int line = 1; line <= 40; ++line) {
            const QByteArray row = source.readLine();
            rows += line == 17 ? QByteArray("{\"messages\": [oops\n") : row;
        }
        const QString file = write(folder.path() + "/rows.jsonl", rows);
        const CliResult result = runCli({"data", "import", file});
        QCOMPARE(result.exitStatus, 0); // a bad row never stops an import
        QVERIFY2((result.output + result.errors).contains("17"), (result.output + result.errors).constData());
        QVERIFY2((result.output + result.errors).contains("39"), (result.output + result.errors).constData());
    }

    void anEmptyDataSet() {
        QTemporaryDir folder;
        const QString file = write(folder.path() + "/rows.jsonl", "");
        expectFailure(runCli({"train", recipe(folder.path(), kModel, file), "--out", folder.path() + "/run"}), {"rows.jsonl"});
    }

    void aContextShorterThanEveryRow() {
        QTemporaryDir folder;
        expectFailure(runCli({"train", recipe(folder.path(), kModel, kTrain, "  max_length: 8\n"), "--out", folder.path() + "/run"}),
                      {"max_length", "None of the"});
    }

    void anUnknownKeyInARecipe() {
        QTemporaryDir folder;
        expectFailure(runCli({"train", recipe(folder.path(), kModel, kTrain, "  learning_rat: 0.1\n"), "--out", folder.path() + "/run"}),
                      {"learning_rat", "learning_rate"});
    }

    void picklesAreRefusedWithTheNextStep() {
        QTemporaryDir folder;
        const QString model = folder.path() + "/model";
        copyFolder(kModel, model);
        QFile::remove(model + "/model.safetensors");
        QVERIFY(!write(model + "/pytorch_model.bin", "PK\x03\x04").isEmpty());
        expectFailure(runCli({"score", "--model", model, "-"}, "{\"text\": \"a\"}\n"), {"safetensors"});
    }

    void wrongUsage() {
        expectFailure(runCli({"train"}), {}, 2);
        expectFailure(runCli({"no-such-command"}), {}, 2);
    }
};

ATTUNE_TEST(TestWrongInput)
#include "tst_wrong_input.moc"
