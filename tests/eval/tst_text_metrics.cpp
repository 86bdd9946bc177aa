// Reference values: the published SQuAD v1.1 definition worked by hand, and the example in the README of rouge-score.
#include <cmath>

#include <QtTest>

#include "core/eval/json_metrics.h"
#include "core/eval/text_metrics.h"
#include "tests/support/test_main.h"

using namespace attune;

class TextMetricsTest : public QObject {
    Q_OBJECT

    static bool close(double a, double b) { return std::abs(a - b) < 1e-9; }

private Q_SLOTS:
    void normalisesAsSquad() {
        QCOMPARE(normaliseAnswer("The  Cat, (a) hat!\n"), std::string("cat hat"));
        QCOMPARE(normaliseAnswer("theatre and Another"),
                 std::string("theatre and another")); // articles are whole words
        QCOMPARE(normaliseAnswer("it's"), std::string("its"));
        QCOMPARE(normaliseAnswer("Gr\xC3\xBC\xC3\x9F"), std::string("gr\xC3\xBC\xC3\x9F"));
        QVERIFY(exactMatch("The Eiffel Tower.", "eiffel tower") && !exactMatch("eiffel", "eiffel tower"));
        QVERIFY(strictMatch(" a b\n", "a b") && !strictMatch("A b", "a b"));
    }
    void tokenF1() {
        QVERIFY(close(attune::tokenF1("red green blue", "red blue"), 2 * (2.0 / 3) * 1 / (2.0 / 3 + 1))); // 0.8
        QVERIFY(close(attune::tokenF1("red red red", "red"), 0.5)); // P 1/3, R 1: repeated words count once
        QVERIFY(close(attune::tokenF1("x", "y"), 0));
        QVERIFY(close(attune::tokenF1("the", "a"), 1)); // nothing left on either side
        QVERIFY(close(attune::tokenF1("", "word"), 0));
    }
    void rougeL() {
        // rouge-score README: precision 5/8, recall 5/9.
        QVERIFY(close(
            attune::rougeL("The quick brown dog jumps on the log.", "The quick brown fox jumps over the lazy dog"),
            2 * (5.0 / 8) * (5.0 / 9) / (5.0 / 8 + 5.0 / 9)));
        QVERIFY(close(attune::rougeL("the cat was found under the bed", "the cat was under the bed"),
                      12.0 / 13));                           // P 6/7, R 1
        QVERIFY(close(attune::rougeL("a-b c", "A B C"), 1)); // everything outside [a-z0-9] splits
        QVERIFY(close(attune::rougeL("", "a"), 0) && close(attune::rougeL("!!", "??"), 0));
        QVERIFY(close(attune::rougeL("b a", "a b"), 0.5)); // order counts
    }
    void scoresCarryRowsAndIntervals() {
        const std::vector<std::string> answers{"yes", "no", "maybe so", ""}, expected{"Yes.", "yes", "maybe", "x"};
        const auto scores = textScores(answers, expected);
        QCOMPARE(scores.size(), std::size_t{3});
        QCOMPARE(scores[0].n, 4);
        QCOMPARE(scores[0].value, 0.25);
        QCOMPARE(scores[0].interval, wilsonInterval(1, 4));
        QVERIFY(close(scores[1].value, (1 + 0 + 2.0 / 3 + 0) / 4));
        QVERIFY(scores[1].interval.contains(scores[1].value));
        QVERIFY(!textScores({}, {})[0].measured());
    }
    void strictJson_data() {
        QTest::addColumn<QByteArray>("answer");
        QTest::addColumn<bool>("valid");
        QTest::addColumn<bool>("parses");
        QTest::newRow("right") << QByteArray(R"({"a": 1, "b": "x"})") << true << true;
        QTest::newRow("other order and white space") << QByteArray("\n {\"b\":2,\"a\":null}\n ") << true << true;
        QTest::newRow("text before") << QByteArray(R"(Here: {"a": 1, "b": 2})") << false << false;
        QTest::newRow("text after") << QByteArray(R"({"a": 1, "b": 2} done)") << false << false;
        QTest::newRow("fence") << QByteArray("```json\n{\"a\": 1, \"b\": 2}\n```") << false << false;
        QTest::newRow("missing key") << QByteArray(R"({"a": 1})") << false << true;
        QTest::newRow("extra key") << QByteArray(R"({"a": 1, "b": 2, "c": 3})") << false << true;
        QTest::newRow("key twice") << QByteArray(R"({"a": 1, "b": 2, "a": 3})") << false << false;
        QTest::newRow("array") << QByteArray("[1, 2]") << false << false;
        QTest::newRow("cut off") << QByteArray(R"({"a": 1, "b": )") << false << false;
        QTest::newRow("empty") << QByteArray("") << false << false;
        QTest::newRow("two objects") << QByteArray(R"({"a": 1, "b": 2}{"a": 1, "b": 2})") << false << false;
        QTest::newRow("deep") << QByteArray("{\"a\":" + QByteArray(5000, '[')) << false << false;
    }
    void strictJson() {
        QFETCH(QByteArray, answer);
        QFETCH(bool, valid);
        QFETCH(bool, parses);
        const std::vector<std::string> keys{"a", "b"};
        const JsonAnswer read = readJsonAnswer(answer.toStdString(), keys);
        QCOMPARE(read.valid, valid);
        QCOMPARE(read.parses, parses);
        QCOMPARE(read.problem.empty(), valid);
    }
    void jsonFieldsAreScoredOneByOne() {
        const std::vector<std::string> expected{
            R"({"category":"billing","urgency":2,"summary":"the cat was under the bed"})",
            R"({"category":"other","urgency":1,"summary":"x"})", R"({"category":"other","urgency":1,"summary":"x"})"};
        const std::vector<std::string> answers{
            R"({"category":"billing","urgency":2,"summary":"the cat was found under the bed"})", // all right
            R"({"category":"Other","urgency":1,"summary":"x"})",                                 // case counts
            R"({"category":"other","urgency":1})"}; // not valid: nothing counts
        const std::vector<JsonFieldRule> rules{{"category"}, {"urgency"}, {"summary", JsonFieldRule::Compare::RougeL}};
        const auto scores = jsonScores(answers, expected, rules);
        QVERIFY(scores.has_value());
        QCOMPARE(scores->size(), std::size_t{5});
        QCOMPARE((*scores)[0].rows, (std::vector<double>{1, 1, 0}));
        QCOMPARE((*scores)[1].rows, (std::vector<double>{1, 0, 0}));
        QCOMPARE((*scores)[2].rows, (std::vector<double>{1, 1, 0}));
        QVERIFY(close((*scores)[3].rows[0], 12.0 / 13) && close((*scores)[3].rows[1], 1) &&
                close((*scores)[3].rows[2], 0));
        QCOMPARE((*scores)[4].rows, (std::vector<double>{1, 0, 0}));
        QCOMPARE((*scores)[0].id, std::string("json.valid"));
        QCOMPARE((*scores)[1].id, std::string("field.category"));
        const auto broken = jsonScores(answers, std::vector<std::string>{"{}", "text"}, rules);
        QVERIFY(!broken && broken.error().message.find("row 2") != std::string::npos);
    }
};

ATTUNE_TEST(TextMetricsTest)
#include "tst_text_metrics.moc"
