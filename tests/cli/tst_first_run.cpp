// The first run that README.md shows, run by a shell as a reader would, with two steps instead of a whole training.
#include <QtTest>

#include <QFile>
#include <QTemporaryDir>

#include "core/base/json.h"
#include "tests/support/cli_process.h"
#include "tests/support/test_main.h"

class TestFirstRun : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void theCommandsOfTheReadmeRun() {
        QFile readme(ATTUNE_SOURCE_DIR "/README.md");
        QVERIFY(readme.open(QIODevice::ReadOnly));
        QString script = QString::fromUtf8(readme.readAll()).section("## A first run on the command line", 1).section("```", 1, 1);
        QVERIFY(script.contains("cli=build/release/app/attune-cli"));
        QCOMPARE(script.count("$cli "), 6);
        const QTemporaryDir folder;
        script.replace("cli=build/release/app/attune-cli", QString("set -e\ncli='") + ATTUNE_CLI + "'");
        for (const char* name : {"first-run", "first-gguf"})
            script.replace(QString(" ") + name, " '" + folder.path() + "/" + name + "'");
        script.replace("recipe.yaml", "recipe.yaml --set training.max_steps=2 --set training.sample_max_tokens=0 --no-cache");
        QProcess shell;
        shell.setWorkingDirectory(ATTUNE_SOURCE_DIR);
        shell.start("sh", {"-c", script});
        QVERIFY(shell.waitForFinished(600000));
        const QByteArray output = shell.readAllStandardOutput(), errors = shell.readAllStandardError();
        QVERIFY2(shell.exitCode() == 0, errors.constData());
        for (const char* shown : {"Chat messages", "Rows: 900", "parameters", "completion", "logprobs", "Reloaded and compared"})
            QVERIFY2(output.contains(shown), (QByteArray(shown) + " is not in: " + output + errors).constData());
        QVERIFY(QFile::exists(folder.path() + "/first-run/adapter/adapter_model.safetensors"));
    }
};

ATTUNE_TEST(TestFirstRun)
#include "tst_first_run.moc"
