// What was measured of a run is there when the project is opened again: scores, answers, when and on what; what was measured before
// the run went on does not count; limits changed afterwards are known to be.
#include <QDateTime>
#include <QLabel>
#include <QTableWidget>

#include "gallery_compare.h"
#include "tests/support/test_main.h"
#include "ui/models/run_evidence.h"

using namespace attune;
using namespace attune::gallery;

namespace {

FinishedRun onlyRun(Project& project, const Catalog& catalog) {
    const auto runs = finishedRuns(project, catalog);
    return runs && !runs->empty() ? runs->front() : FinishedRun{};
}

bool labelSays(const QWidget& root, const QString& words) {
    for (const QLabel* label : root.findChildren<QLabel*>())
        if (label->isVisible() && label->text().contains(words))
            return true;
    return false;
}

QTableWidget* tableOf(Stage& stage, const QString& name) {
    for (QTableWidget* table : stage.window->view("compare")->findChildren<QTableWidget*>())
        if (table->accessibleName().startsWith(name))
            return table;
    qFatal("no such table");
}

} // namespace

class KeptEvaluationTest : public QObject {
    Q_OBJECT
private:
    std::unique_ptr<Theme> m_theme;

private Q_SLOTS:
    void initTestCase() { m_theme = std::make_unique<Theme>(*qApp, ThemeMode::Light); }
    void cleanupTestCase() { m_theme.reset(); }

    // Measured in one window, seen in the next, which opens the folder anew.
    void aMeasuredRunIsMeasuredInTheNextWindowToo() {
        QTemporaryDir folder;
        const QString path = folder.filePath("Kept.attune");
        QStringList cells;
        {
            Stage stage(*m_theme);
            auto made = Project::create(fspath(path));
            QVERIFY(made.has_value());
            addFinishedRun(**made);
            stage.project.set(std::move(*made));
            QVERIFY(stage.window->showStation("compare"));
            press(*stage.window, "Test rows");
            press(*stage.window, "Measure");
            QTableWidget* answers = tableOf(stage, "Answers");
            QTRY_COMPARE_WITH_TIMEOUT(answers->rowCount(), 100, 30'000);
            for (int column = 0; column < 4; ++column)
                cells << answers->item(42, column)->text();
        }
        Stage stage(*m_theme);
        auto opened = Project::open(fspath(path));
        QVERIFY2(opened.has_value(), opened ? "" : opened.error().message.c_str());
        stage.project.set(std::move(*opened));
        QVERIFY(stage.window->showStation("compare"));
        press(*stage.window, "Test rows");
        QTableWidget *scores = tableOf(stage, "Scores"), *answers = tableOf(stage, "Answers");
        QTRY_COMPARE_WITH_TIMEOUT(answers->rowCount(), 100, 10'000);
        for (int column = 0; column < 4; ++column)
            QCOMPARE(answers->item(42, column)->text(), cells[column]);
        QVERIFY(scores->isVisible() && scores->rowCount() > 3);
        QVERIFY(labelSays(*stage.window, "test rows of Version 1 · Customer messages"));
        QVERIFY(labelSays(*stage.window, "base starter_model"));
        QVERIFY(labelSays(*stage.window, "No score is better than the base model's beyond chance on 100 test rows."));
        QVERIFY(labelSays(*stage.window, "Limits set before training"));
    }

    void scoresOfOlderWeightsDoNotCount() {
        Stage stage(*m_theme);
        const auto project = stage.openProject([](Project& fresh) {
            addFinishedRun(fresh);
            addMeasured(fresh);
        });
        FinishedRun run = onlyRun(*project, stage.runs.catalog());
        QVERIFY(judgeRun(readRunEvidence(*project, run)).reasons[0].verdict == GateVerdict::Accepted);
        run.finished = QDateTime::currentMSecsSinceEpoch() + 3'600'000; // it went on afterwards
        const GateResult result = judgeRun(readRunEvidence(*project, run));
        QVERIFY(result.reasons[0].verdict == GateVerdict::NotMeasured);
        QVERIFY(qstr(result.reasons[0].sentence).contains("older weights"));
    }

    void scoresOfAnEarlierVersionAreRead() {
        Stage stage(*m_theme);
        const auto project = stage.openProject(addFinishedRun);
        const auto changes = compareAll({summarise("a", "A", std::vector<double>(60, 0))}, {summarise("a", "A", std::vector<double>(60, 1))});
        QVERIFY(project->setSetting("evaluate.scores.1", scoreChangesToJson(changes).dump()).has_value());
        const auto kept = readEvaluation(*project, 1, true);
        QVERIFY(kept && *kept && (*kept)->evaluation.changes.size() == 1 && (*kept)->prompts.empty());
        for (const char* damaged : {"{", "{}", "[1]", "{\"scores\": 3}", "{\"time\": \"x\", \"scores\": []}"}) {
            QVERIFY(project->setSetting("evaluate.scores.1", damaged).has_value());
            QVERIFY2(!readEvaluation(*project, 1, true), damaged);
        }
        QVERIFY(keepEvaluation(*project, 1, {}).has_value());
        for (const char* damaged : {"{}", "[1]", "[[\"a\", \"b\", \"c\"]]", "[[1, 2, 3, 4]]"}) {
            QVERIFY(project->setSetting("evaluate.answers.1", damaged).has_value());
            QVERIFY2(!readEvaluation(*project, 1, true), damaged);
            QVERIFY2(readEvaluation(*project, 1, false).has_value(), damaged);
        }
    }

    void changedLimitsAreKeptAndSaidToBe() {
        Stage stage(*m_theme);
        const auto project = stage.openProject([](Project& fresh) {
            addFinishedRun(fresh);
            addMeasured(fresh); // general data: +14 %
        });
        const FinishedRun run = onlyRun(*project, stage.runs.catalog());
        QVERIFY(judgeRun(readRunEvidence(*project, run)).verdict == GateVerdict::Rejected);
        QVERIFY(changeLimits(*project, run, {0.2, 0}).has_value());
        const GateResult lenient = judgeRun(readRunEvidence(*project, run));
        QVERIFY(lenient.verdict == GateVerdict::Accepted);
        QVERIFY2(qstr(lenient.limits).contains("after the result was there"), lenient.limits.c_str());
        QVERIFY(changeLimits(*project, run, run.asked).has_value()); // back
        QVERIFY(qstr(judgeRun(readRunEvidence(*project, run)).limits).startsWith("Limits set before training"));
        QVERIFY(project->setSetting("limits.1", "{\"general_rise\": \"a lot\"}").has_value()); // damaged: the recipe's count
        QCOMPARE(askedOf(*project, run).limits, run.asked);
    }

    void theDoctorsFindingsStandBesideTheEvidence() {
        Stage stage(*m_theme);
        const auto project = stage.openProject([](Project& fresh) {
            addFinishedRun(fresh);
            addMeasured(fresh);
        });
        const RunJudgement judgement = readRunJudgement(*project, onlyRun(*project, stage.runs.catalog()), stage.runs.catalog());
        const auto found = std::find_if(judgement.findings.begin(), judgement.findings.end(), [](const Finding& each) { return each.id == "general.forgotten"; });
        QVERIFY(found != judgement.findings.end());
        const bool same = std::any_of(judgement.gate.reasons.begin(), judgement.gate.reasons.end(),
                                      [&](const GateReason& reason) { return reason.sentence == found->message; });
        QVERIFY(same);
    }
};

ATTUNE_TEST(KeptEvaluationTest)
#include "tst_kept_evaluation.moc"
