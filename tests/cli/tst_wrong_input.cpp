// What goes wrong is told: exit status, the thing by name, the next step; never a crash, nothing half-written.
#include <QtTest>

#include <QDir>
#include <QFile>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QRegularExpression>
#include <QTemporaryDir>

#include <csignal>

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

    void rowsThatAreLeftOutAreTold() {
        QTemporaryDir folder;
        const QString cut = write(folder.path() + "/cut.jsonl", "{\"prompt\":\"a\",\"completion\":\"b\"}\n{\"prompt\":\"c\",\"compl");
        for (const char* part : {"import", "check", "stats"}) {
            const CliResult result = runCli({"data", part, cut});
            QCOMPARE(result.exitStatus, 0); // the other rows are good
            QVERIFY2(result.errors.contains("warning: 1 of 2 rows is left out; the first: row 2: the file ends in the middle of this row"),
                     result.errors.constData());
        }
        const CliResult json = runCli({"--json", "data", "stats", cut});
        QVERIFY(json.errors.contains("warning: 1 of 2"));
        QVERIFY(QJsonDocument::fromJson(json.output.trimmed().split('\n').last()).object()["problems"].toInt() == 1);
    }

    void theCheckSaysHowItReads() {
        QTemporaryDir folder;
        const QString file = write(folder.path() + "/rows.csv", "question,answer,colour\na,b,red\n");
        const CliResult words = runCli({"data", "check", file});
        for (const char* expected : {"CSV or TSV. Prompt and completion", "\"question\" is", "Column not used: colour"})
            QVERIFY2(words.output.contains(expected), words.output.constData());
        const QJsonObject json = QJsonDocument::fromJson(runCli({"--json", "data", "check", file}).output.trimmed()).object();
        QCOMPARE(json["format"].toString(), QString("prompt_completion"));
        QCOMPARE(json["unused_columns"].toArray(), QJsonArray{"colour"});
        QCOMPARE(json["importer"].toString(), QString("csv"));
    }

    void filesThatAreNoTextAreRefused() {
        QTemporaryDir folder;
        QFile picture(kResources + "/help/compare.png");
        QVERIFY(picture.open(QIODevice::ReadOnly));
        const QByteArray bytes = picture.readAll();
        for (const char* name : {"/rows.csv", "/rows.jsonl", "/rows.txt"}) {
            const QString file = write(folder.path() + name, bytes);
            expectFailure(runCli({"data", "import", file}), {name, "it is a PNG picture"});
        }
        const QString file = folder.path() + "/rows.jsonl";
        expectFailure(runCli({"tokenize", "--model", kModel, file}), {"rows.jsonl", "it is a PNG picture"});
        expectFailure(runCli({"train", file}), {"no recipe", "a PNG picture"});
    }

    void emptyInputIsNoSuccess() {
        QTemporaryDir folder;
        const QString file = write(folder.path() + "/empty.jsonl", "");
        for (const char* command : {"generate", "score", "tokenize", "render"}) {
            expectFailure(runCli({command, "--model", kModel, file}), {"empty.jsonl is empty"});
            expectFailure(runCli({command, "--model", kModel, "-"}), {"Standard input is empty"});
        }
        expectFailure(runCli({"generate", "--model", kModel, "--prompt", "a", "--max-tokens", "0"}), {"--max-tokens", "at least 1"}, 2);
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
        expectFailure(runCli({"train"}), {"recipe", "train --help"}, 2);
        expectFailure(runCli({"trian", "recipe.yaml"}), {"There is no command \"trian\"", "Did you mean train?"}, 2);
        expectFailure(runCli({"data", "imprt", "x.csv"}), {"data has no command \"imprt\"", "Did you mean import?"}, 2);
        expectFailure(runCli({"data"}), {"needs a command", "import, stats"}, 2);
        expectFailure(runCli({"score", "--modle", kModel, "-"}), {"--modle", "Did you mean --model?"}, 2);
        const CliResult range = runCli({"generate", "--model", kModel, "--prompt", "x", "--top-k", "-1"});
        expectFailure(range, {"--top-k", "at least 0", "-1"}, 2);
        QVERIFY2(range.errors.size() < 200, range.errors.constData()); // not all digits of the largest double
        expectFailure(runCli({"data", "split", kTrain, "--out", "/nowhere", "--seed", "-1"}), {"--seed", "at least 0"}, 2);
    }

    // What the help prints, --set accepts: every key with its default, in one call. The missing file is found after them.
    void theHelpOfTrainNamesTheKeysOfARecipe() {
        QTemporaryDir folder;
        const CliResult help = runCli({"train", "--help"});
        QCOMPARE(help.exitStatus, 0);
        for (const char* key : {"validation_share", "id: lora", "r = ", "learning_rate = ", "early_stopping_patience = "})
            QVERIFY2(help.output.contains(key), key);
        // Sections that come in kinds have several blocks: each run sets one kind of each, with all its keys.
        static const QRegularExpression heading("^  (\\w+)(?: \\(id: (\\w+)\\))?$"), setting("^    (\\w+ = .*?)  ");
        QMap<QString, QList<QStringList>> blocks;
        QString section;
        qsizetype keys = 0, runs = 0;
        for (const QString& line : QString::fromUtf8(help.output).section("Keys and their defaults", 1).split('\n')) {
            if (const auto found = heading.match(line); found.hasMatch()) {
                section = found.captured(1);
                blocks[section].append(QStringList());
                if (!found.captured(2).isEmpty())
                    blocks[section].last() += {"--set", section + ".id=" + found.captured(2)};
            }
            if (const auto found = setting.match(line); found.hasMatch() && !section.isEmpty()) {
                blocks[section].last() += {"--set", section + "." + found.captured(1).replace(" = ", "=")};
                ++keys;
            }
        }
        QVERIFY(keys > 40);
        for (const auto& kinds : blocks)
            runs = std::max(runs, kinds.size());
        QVERIFY(runs >= 4);
        for (qsizetype i = 0; i < runs; ++i) {
            QStringList arguments{"train", recipe(folder.path(), kModel, "/nowhere/rows.jsonl"), "--set", "data.general=/nowhere/texts"};
            const QStringList protection = blocks["protection"][std::min(i, blocks["protection"].size() - 1)];
            for (auto kinds = blocks.cbegin(); kinds != blocks.cend(); ++kinds) {
                // What holds adapters goes with a method that has some: the first one.
                const bool adapters = kinds.key() == "method" && protection.contains("protection.id=null_space");
                arguments += kinds.value()[adapters ? 0 : std::min(i, kinds.value().size() - 1)];
            }
            if (arguments.contains("objective.reward_model=")) // by its defaults nothing would judge the answers
                arguments += {"--set", "objective.reward_model=/nowhere/judge"};
            expectFailure(runCli(arguments), {"/nowhere/"});
        }
    }

    void aForgottenSection() {
        QTemporaryDir folder;
        expectFailure(runCli({"train", recipe(folder.path(), kModel, kTrain), "--set", "learning_rate=0.1"}), {"training.learning_rate=0.1"});
        expectFailure(runCli({"train", recipe(folder.path(), kModel, kTrain), "--set", "r=4"}), {"method.r=4"});
    }

    void anotherEncodingIsNamed() {
        QTemporaryDir folder;
        const QString all = write(folder.path() + "/all.csv", "prompt,completion\ncaf\xe9,gut\nzw\xf6lf,ja\n");
        expectFailure(runCli({"data", "import", all}), {"UTF-8", "save the file as UTF-8"});
        const QString some = write(folder.path() + "/some.csv", "prompt,completion\ncafe,gut\nzw\xf6lf,ja\n");
        const CliResult result = runCli({"data", "import", some});
        QCOMPARE(result.exitStatus, 0);
        QVERIFY2(result.errors.contains("line 3") && result.errors.contains("save the file as UTF-8"), result.errors.constData());
    }

    void aLineWithoutMessagesIsNotRendered() {
        const CliResult result = runCli({"render", "--model", kModel, "-"}, "{\"text\": \"a\"}\n{\"messages\": \"a\"}\n");
        QCOMPARE(result.output.count("\"error\""), 2);
        QVERIFY2(result.output.contains("line 1") && result.output.contains("messages"), result.output.constData());
    }

    void whatIsThereIsNotWrittenOver() {
        QTemporaryDir folder;
        const QString parts = folder.path() + "/parts", file = folder.path() + "/rows.jsonl", precious = write(folder.path() + "/precious.txt", "mine");
        const auto contents = [](const QString& path) {
            QFile opened(path);
            return opened.open(QIODevice::ReadOnly) ? opened.readAll() : QByteArray("unreadable");
        };
        QCOMPARE(runCli({"data", "split", kTrain, "--out", parts}).exitStatus, 0);
        const QByteArray before = contents(parts + "/train.jsonl");
        expectFailure(runCli({"data", "split", kTrain, "--out", parts, "--seed", "7"}), {parts, "--force", "another"});
        QCOMPARE(contents(parts + "/train.jsonl"), before);
        QCOMPARE(runCli({"data", "split", kTrain, "--out", parts, "--seed", "7", "--force"}).exitStatus, 0);
        QVERIFY(contents(parts + "/train.jsonl") != before);

        QCOMPARE(runCli({"data", "export", kTrain, "--out", file}).exitStatus, 0);
        expectFailure(runCli({"data", "export", kTrain, "--out", file}), {file, "--force", "another"});
        QCOMPARE(runCli({"data", "export", kTrain, "--out", file, "--force"}).exitStatus, 0);

        const QString run = recipe(folder.path(), kModel, kTrain);
        expectFailure(runCli({"train", run, "--out", folder.path()}), {folder.path(), "other files"});
        expectFailure(runCli({"train", run, "--out", precious}), {precious, "a file where a folder is needed"});
        QDir().mkpath(folder.path() + "/run");
        const QString other = write(folder.path() + "/run/results.txt", "mine");
        expectFailure(runCli({"demo", "--out", folder.path()}), {folder.path(), "other files"});
        QCOMPARE(contents(precious) + contents(other), QByteArray("minemine"));
    }

    // The first process is stopped in the middle of an import, so that the second certainly meets it.
    void aProjectThatIsOpenElsewhere() {
        QTemporaryDir folder;
        const QString project = folder.path() + "/cases.attune";
        QByteArray rows;
        for (int i = 0; i < 100000; ++i)
            rows += "{\"prompt\": \"Case " + QByteArray::number(i) + "\", \"completion\": \"closed\"}\n";
        const QString file = write(folder.path() + "/rows.jsonl", rows);
        QProcess first;
        first.start(ATTUNE_CLI, {"data", "import", file, "--project", project});
        QVERIFY(first.waitForStarted());
        const auto lockHeld = [&] { // for good: the folder of runs is made after the lock is taken for the second time
            QFile lock(project + "/project.lock");
            return QDir(project + "/runs").exists() && lock.open(QIODevice::ReadOnly) && lock.readAll().toLongLong() == first.processId();
        };
        QTRY_VERIFY_WITH_TIMEOUT(lockHeld(), 30000);
        QCOMPARE(::kill(static_cast<pid_t>(first.processId()), SIGSTOP), 0);
        for (const QStringList& second : {QStringList{"data", "stats", "--project", project}, QStringList{"data", "import", kTrain, "--project", project}})
            expectFailure(runCli(second), {"cases", "is open", QString::number(first.processId()), "Close it there"});
        QCOMPARE(::kill(static_cast<pid_t>(first.processId()), SIGCONT), 0);
        QVERIFY(first.waitForFinished(60000));
        QCOMPARE(first.exitCode(), 0);
        const CliResult stats = runCli({"--json", "data", "stats", "--project", project});
        QVERIFY2(stats.exitStatus == 0 && QJsonDocument::fromJson(stats.output)["rows"].toInt() == 100000, stats.errors + stats.output);
    }
};

ATTUNE_TEST(TestWrongInput)
#include "tst_wrong_input.moc"
