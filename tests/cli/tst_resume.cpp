// kill -9 at random moments: the continued run ends in the byte-identical adapter.
#include <QtTest>

#include <QDir>
#include <QFile>
#include <QTemporaryDir>

#include <csignal>

#include "core/base/files.h"
#include "core/base/rng.h"
#include "tests/support/cli_process.h"
#include "tests/support/test_main.h"

using attune::test::kResources;

namespace {

QString writeRecipe(const QString& folder) {
    const QString path = folder + "/recipe.yaml";
    QFile file(path);
    if (!file.open(QIODevice::WriteOnly))
        return {};
    file.write(QString("model: %1/starter_model\n"
                       "data:\n  train: %1/sample_project/train.jsonl\n  validation: %1/sample_project/validation.jsonl\n"
                       "method:\n  id: lora\n  r: 8\n  dropout: 0.05\n"
                       "training:\n  max_steps: 60\n  batch_size: 2\n  eval_every: 30\n  save_every: 5\n  sample_max_tokens: 0\n"
                       "  learning_rate: 0.001\n")
                   .arg(kResources)
                   .toUtf8());
    return path;
}

std::string adapterHash(const QString& run) {
    const auto hash = attune::hashFile((run + "/adapter/adapter_model.safetensors").toStdString());
    return hash ? *hash : hash.error().message;
}

} // namespace

class TestResume : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void killedAtRandomMomentsEndsInTheSameAdapter() {
        QTemporaryDir folder;
        const QString recipe = writeRecipe(folder.path());
        const QString whole = folder.path() + "/whole";
        QElapsedTimer timer;
        timer.start();
        const auto reference = attune::test::runCli({"train", recipe, "--out", whole});
        QVERIFY2(reference.exitStatus == 0, reference.errors.constData());
        const auto duration = static_cast<std::uint64_t>(timer.elapsed());
        const std::string expected = adapterHash(whole);
        QCOMPARE(expected.size(), std::size_t{32});

        // Every kill hits the same run again, so it is continued twenty times in all, or begins anew when it was killed before
        // its first checkpoint; a run that got through before its kill starts over.
        attune::Rng rng(20);
        int kills = 0, finished = 0;
        for (int round = 0; round < 60 && kills < 20; ++round) {
            const QString run = folder.path() + QString("/run%1").arg(finished);
            QProcess process;
            process.start(ATTUNE_CLI, {"train", recipe, "--out", run, "--resume"});
            const bool ended = process.waitForFinished(static_cast<int>(rng.below(duration)));
            if (!ended) {
                ::kill(static_cast<pid_t>(process.processId()), SIGKILL);
                process.waitForFinished();
                ++kills;
                continue;
            }
            QVERIFY2(process.exitCode() == 0, process.readAllStandardError().constData());
            QCOMPARE(adapterHash(run), expected);
            ++finished;
        }
        QCOMPARE(kills, 20);
        const QString run = folder.path() + QString("/run%1").arg(finished);
        const auto last = attune::test::runCli({"train", recipe, "--out", run, "--resume"});
        QVERIFY2(last.exitStatus == 0, last.errors.constData());
        QCOMPARE(adapterHash(run), expected);
    }
};

ATTUNE_TEST(TestResume)
#include "tst_resume.moc"
