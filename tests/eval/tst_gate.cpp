#include <cmath>

#include <QtTest>

#include "core/eval/gate.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

Score binary(const std::string& id, int right, int n) {
    std::vector<double> rows(static_cast<std::size_t>(n), 0);
    std::fill(rows.begin(), rows.begin() + right, 1.0);
    return summarise(id, "Title of " + id, rows);
}

} // namespace

class GateTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void comparesRowsInPairs() {
        const ScoreChange change = compareScores(binary("s", 10, 100), binary("s", 40, 100));
        QVERIFY(change.paired && std::abs(change.delta - 0.3) < 1e-12);
        QVERIFY(change.improved() && !change.worsened());
        QVERIFY(std::abs(change.pValue - std::pow(2.0, -29)) < 1e-15); // 30 rows up, none down: 2 / 2^30
        // Normal approximation of a share of 0.3 in 100 rows: 0.3 -+ 0.0898.
        QVERIFY(std::abs(change.interval.low - 0.2102) < 0.02 && std::abs(change.interval.high - 0.3898) < 0.02);
        Score loss = binary("l", 10, 100), lower = binary("l", 2, 100);
        loss.higherIsBetter = lower.higherIsBetter = false;
        QVERIFY(compareScores(loss, lower).improved());
        QVERIFY(!compareScores(binary("s", 10, 100), binary("s", 20, 50)).paired);
        QVERIFY(!compareScores(binary("s", 50, 100), binary("s", 51, 100)).improved()); // one row is chance
    }
    void matchesScoresById() {
        const auto changes = compareAll({binary("a", 1, 2), binary("b", 1, 2)}, {binary("c", 1, 2), binary("a", 2, 2)});
        QCOMPARE(changes.size(), std::size_t{3});
        QCOMPARE(changes[0].delta, 0.5);
        QVERIFY(!changes[1].after.measured() && !changes[2].before.measured());
        QCOMPARE(changes[2].before.id, std::string("c"));
        QVERIFY(!changes[2].improved());
    }
    void acceptsWhatMeetsEveryRule() {
        const auto changes =
            compareAll({binary("v", 2, 150), binary("g", 60, 150)}, {binary("v", 147, 150), binary("g", 59, 150)});
        const std::vector<GateRule> rules{
            {.score = "v", .atLeast = 0.95, .atMost = {}, .mustImprove = true, .maxDrop = {}, .minRows = 100},
            {.score = "g", .atLeast = {}, .atMost = {}, .mustImprove = false, .maxDrop = 0.05, .minRows = 0}};
        const GateResult result = judge(rules, changes);
        QCOMPARE(result.verdict, GateVerdict::Accepted);
        QCOMPARE(result.reasons.size(), std::size_t{3});
        QVERIFY2(result.reasons[0].sentence.find("98.0 %") != std::string::npos, result.reasons[0].sentence.c_str());
    }
    void oneFailureRejects() {
        const auto changes =
            compareAll({binary("v", 2, 150), binary("g", 60, 150)}, {binary("v", 140, 150), binary("g", 40, 150)});
        GateRule valid, general, missing;
        valid.score = "v", valid.atLeast = 0.95;
        general.score = "g", general.maxDrop = 0.05;
        missing.score = "never";
        missing.atLeast = 0.1;
        QCOMPARE(judge({valid}, changes).verdict, GateVerdict::Rejected);
        QCOMPARE(judge({general}, changes).verdict, GateVerdict::Rejected);
        QCOMPARE(judge({missing, general}, changes).verdict, GateVerdict::Rejected); // a rejection outweighs a gap
    }
    void notMeasuredNeverPasses() {
        GateRule rule;
        rule.score = "v", rule.atLeast = 0.0;
        QCOMPARE(judge({}, {}).verdict, GateVerdict::NotMeasured);
        QCOMPARE(judge({rule}, {}).verdict, GateVerdict::NotMeasured);
        QCOMPARE(judge({rule}, compareAll({binary("v", 1, 2)}, {})).verdict, GateVerdict::NotMeasured);
        rule.minRows = 100;
        QCOMPARE(judge({rule}, compareAll({binary("v", 50, 50)}, {binary("v", 50, 50)})).verdict,
                 GateVerdict::NotMeasured);
        GateRule improve;
        improve.score = "v", improve.mustImprove = true;
        QCOMPARE(judge({improve}, compareAll({}, {binary("v", 50, 50)})).verdict,
                 GateVerdict::NotMeasured); // nothing to compare with
        QCOMPARE(judge({improve}, compareAll({binary("v", 50, 50)}, {binary("v", 50, 50)})).verdict,
                 GateVerdict::Rejected);
    }
    void nanNeverPasses() {
        Score broken = binary("v", 1, 2);
        broken.value = std::nan("");
        GateRule rule;
        rule.score = "v", rule.atLeast = 0.1;
        QCOMPARE(judge({rule}, compareAll({binary("v", 1, 2)}, {broken})).verdict, GateVerdict::Rejected);
    }
    void readsRulesFromJson() {
        const auto rules = gateRulesFromJson(Json::parse(
            R"([{"score":"json.valid","at_least":0.95,"min_rows":100},{"score":"token_f1","must_improve":true},{"score":"x","max_drop":0.05}])"));
        QVERIFY(rules.has_value());
        QCOMPARE(rules->size(), std::size_t{3});
        QCOMPARE(*(*rules)[0].atLeast, 0.95);
        QCOMPARE((*rules)[0].minRows, 100);
        QVERIFY((*rules)[1].mustImprove);
        for (const char* bad :
             {"{}", "[1]", "[{}]", R"([{"score":1}])", R"([{"score":"a"}])", R"([{"score":"a","at_leest":1}])",
              R"([{"score":"a","at_least":"x"}])", R"([{"score":"a","must_improve":false}])"}) {
            const auto read = gateRulesFromJson(Json::parse(bad));
            QVERIFY2(!read && read.error().code == ErrorCode::InvalidData && !read.error().hint.empty(), bad);
        }
    }
};

ATTUNE_TEST(GateTest)
#include "tst_gate.moc"
