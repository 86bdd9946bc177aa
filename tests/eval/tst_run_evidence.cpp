// What speaks for and against a run: what was not measured never passes, a run that learned nothing is said to have.
#include <QtTest>

#include "core/eval/run_evidence.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

Score shares(const std::string& id, int right, int n) {
    std::vector<double> rows(static_cast<std::size_t>(n), 0);
    std::fill(rows.begin(), rows.begin() + right, 1.0);
    return summarise(id, "Title of " + id, rows);
}

RunEvidence good() {
    RunEvidence evidence;
    evidence.scores = compareAll({shares("exact", 10, 150)}, {shares("exact", 120, 150)});
    evidence.validation = BeforeAndAfter{2.9, 0.8, 0.01};
    evidence.general = BeforeAndAfter{2.0, 2.05, 0};
    return evidence;
}

std::string sentences(const GateResult& result) {
    std::string all;
    for (const GateReason& reason : result.reasons)
        all += reason.sentence + '\n';
    return all;
}

} // namespace

class RunEvidenceTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everythingMeasuredAndBetterIsAccepted() {
        const GateResult result = judgeRun(good());
        QVERIFY2(result.verdict == GateVerdict::Accepted, sentences(result).c_str());
        QCOMPARE(result.reasons.size(), std::size_t{3});
    }

    void whatWasNotMeasuredNeverPasses() {
        QVERIFY(judgeRun({}).verdict == GateVerdict::NotMeasured);
        RunEvidence evidence = good();
        evidence.general.reset();
        QVERIFY(judgeRun(evidence).verdict == GateVerdict::NotMeasured);
        evidence = good();
        evidence.scores = compareAll({shares("exact", 10, 150)}, {shares("other", 120, 150)}); // never on both sides
        QVERIFY(judgeRun(evidence).verdict == GateVerdict::NotMeasured);
    }

    void aRewardThatDidNotRiseIsNoSuccess() {
        RunEvidence evidence = good();
        evidence.learnsFromRewards = true;
        QVERIFY(judgeRun(evidence).verdict == GateVerdict::NotMeasured); // too few rewards; the loss does not count instead
        evidence.reward = BeforeAndAfter{0.12, 0.125, 0.02};
        const GateResult flat = judgeRun(evidence);
        QVERIFY(flat.verdict == GateVerdict::Rejected);
        QVERIFY(sentences(flat).find("learned nothing") != std::string::npos);
        evidence.reward = BeforeAndAfter{0.12, 0.5, 0.02};
        QVERIFY(judgeRun(evidence).verdict == GateVerdict::Accepted);
    }

    void worseScoresForgettingAndLosingReviewsReject() {
        RunEvidence evidence = good();
        evidence.scores = compareAll({shares("a", 10, 150), shares("b", 120, 150)}, {shares("a", 120, 150), shares("b", 20, 150)});
        QVERIFY(judgeRun(evidence).verdict == GateVerdict::Rejected);
        evidence = good();
        evidence.scores = compareAll({shares("a", 50, 100)}, {shares("a", 51, 100)}); // chance
        QVERIFY(judgeRun(evidence).verdict == GateVerdict::Rejected);
        evidence = good();
        evidence.general = BeforeAndAfter{2.0, 2.2, 0};
        QVERIFY(judgeRun(evidence).verdict == GateVerdict::Rejected);
        evidence = good();
        evidence.validation = BeforeAndAfter{2.9, 2.895, 0.01};
        QVERIFY(judgeRun(evidence).verdict == GateVerdict::Rejected);
        evidence = good();
        evidence.reviewed = 40, evidence.preferred = 0.4, evidence.preferredLow = 0.26;
        QVERIFY(judgeRun(evidence).verdict == GateVerdict::Rejected);
        evidence.preferred = 0.55, evidence.preferredLow = 0.4; // for it, but not beyond chance
        QVERIFY(judgeRun(evidence).verdict == GateVerdict::NotMeasured);
        evidence.preferred = 0.8, evidence.preferredLow = 0.65;
        QVERIFY(judgeRun(evidence).verdict == GateVerdict::Accepted);
    }

    void keptScoresAreJudgedAsBefore() {
        const RunEvidence evidence = good();
        const auto again = scoreChangesFromJson(*parseJson(scoreChangesToJson(evidence.scores).dump(), "kept"));
        QVERIFY(again.has_value());
        QCOMPARE(again->size(), evidence.scores.size());
        const ScoreChange &kept = again->front(), &was = evidence.scores.front();
        QCOMPARE(kept.after.title, was.after.title);
        QCOMPARE(kept.after.n, was.after.n);
        QCOMPARE(kept.delta, was.delta);
        QVERIFY(kept.interval == was.interval && kept.improved() == was.improved() && kept.after.interval == was.after.interval);
        for (const char* bad : {"[1]", "[{}]", "[{\"base\": 1, \"tuned\": {}}]"})
            QVERIFY2(!scoreChangesFromJson(*parseJson(bad, "kept")), bad);
    }
};

ATTUNE_TEST(RunEvidenceTest)
#include "tst_run_evidence.moc"
