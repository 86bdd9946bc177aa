// What speaks for and against a run: what was not measured never passes, a run that learned nothing is said to have.
#include <QtTest>

#include "core/eval/run_evidence.h"
#include "core/run/doctor.h"
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

    void whatWasAskedForDecides() {
        RunEvidence evidence = good(); // general data +2.5 %, a score +73 points
        evidence.asked.limits = {0.02, 0};
        GateResult result = judgeRun(evidence);
        QVERIFY(result.verdict == GateVerdict::Rejected);
        QVERIFY2(sentences(result).find("(+2.5 %): more than the 2 % that are allowed") != std::string::npos, sentences(result).c_str());
        evidence.asked.limits = {0.05, 0.8};
        result = judgeRun(evidence);
        QVERIFY(result.verdict == GateVerdict::Rejected);
        QVERIFY2(sentences(result).find("80 points were asked for") != std::string::npos, sentences(result).c_str());
        evidence.asked.limits = {0.05, 0.7};
        QVERIFY(judgeRun(evidence).verdict == GateVerdict::Accepted);
        evidence.scores = compareAll({shares("a", 1, 4), shares("b", 100, 1000)}, {shares("a", 2, 4), shares("b", 300, 1000)});
        evidence.asked.limits = {0.05, 0.1}; // "a" gained more, but by chance
        result = judgeRun(evidence);
        QVERIFY(result.verdict == GateVerdict::Accepted);
        QVERIFY2(sentences(result).find("Title of b improved by +20") != std::string::npos, sentences(result).c_str());
    }

    // The doctor and the evidence say the same of the same losses, whatever the limit.
    void doctorAndEvidenceAgreeAboutForgetting() {
        for (const double limit : {0.0, 0.02, 0.05, 0.5})
            for (const double now : {1.8, 2.0, 2.03, 2.09, 2.11, 2.9, 3.1}) {
                DoctorFacts facts;
                facts.forgettingLimit = limit;
                Doctor doctor(facts);
                (void)doctor.add(EvalFinished{0, "general", 2.0, 100, false});
                const auto findings = doctor.add(EvalFinished{10, "general", now, 100, false});
                RunEvidence evidence = good();
                evidence.asked.limits.generalRise = limit;
                evidence.general = BeforeAndAfter{2.0, now, 0};
                const GateResult result = judgeRun(evidence);
                QCOMPARE(findings.empty(), result.verdict == GateVerdict::Accepted);
                QVERIFY(findings.empty() || sentences(result).find(findings[0].message) != std::string::npos);
            }
    }

    void itIsSaidWhenTheLimitsWereSet() {
        AskedOfRun asked;
        QCOMPARE(limitsWords(asked), std::string("Limits set before training: the loss on general data may rise by 5 %, a score has to gain beyond chance."));
        asked.beforeTraining = asked.limits;
        asked.limits = {0.1, 0.01};
        asked.changed = 1795651200000; // 2026-11-26, 00:00 UTC
        const std::string words = limitsWords(asked);
        QVERIFY2(words.find("changed on 2026-11-26, after the result was there: the loss on general data may rise by 10 %") != std::string::npos, words.c_str());
        QVERIFY(words.find("at least 1 point.") != std::string::npos && words.find("before training: the loss on general data may rise by 5 %") != std::string::npos);
        QCOMPARE(gateResultToJson(judgeRun(good())).at("limits").get<std::string>(), limitsWords({}));
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
