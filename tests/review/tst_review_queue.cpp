#include <set>

#include <QtTest>

#include "core/review/review_csv.h"
#include "core/review/review_queue.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

std::vector<PairItem> makeItems(int count) {
    std::vector<PairItem> items;
    for (int i = 0; i < count; ++i) {
        const std::string number = std::to_string(i);
        items.push_back({"s" + number, "prompt " + number, "base " + number, "tuned " + number, "", {}});
    }
    return items;
}

} // namespace

class ReviewQueueTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void sidesComeFromTheSeedAndAreBalanced() {
        const ReviewQueue queue(makeItems(400), 9), again(makeItems(400), 9), other(makeItems(400), 10);
        int left = 0, differing = 0;
        std::set<std::string> seen;
        for (std::size_t i = 0; i < queue.size(); ++i) {
            const BlindPair pair = queue.pair(i);
            QCOMPARE(pair.tunedLeft, again.pair(i).tunedLeft);
            QCOMPARE(queue.item(i).id, again.item(i).id);
            QCOMPARE(pair.tunedLeft ? pair.left : pair.right, queue.item(i).tuned);
            QCOMPARE(pair.tunedLeft ? pair.right : pair.left, queue.item(i).base);
            left += pair.tunedLeft;
            differing += queue.item(i).id != other.item(i).id;
            seen.insert(queue.item(i).id);
        }
        QCOMPARE(seen.size(), std::size_t{400});
        QVERIFY(left > 150 && left < 250); // five standard deviations
        QVERIFY(differing > 350);
    }
    void whatIsPressedBecomesTheRightVerdict() {
        ReviewQueue queue(makeItems(50), 1);
        for (std::size_t i = 0; i < queue.size(); ++i) {
            const bool tunedLeft = queue.pair(i).tunedLeft;
            QCOMPARE(queue.record(i, SideVerdict::Left).verdict, tunedLeft ? Preference::Tuned : Preference::Base);
            QCOMPARE(queue.record(i, SideVerdict::Right).verdict, tunedLeft ? Preference::Base : Preference::Tuned);
            QCOMPARE(queue.record(i, SideVerdict::Tie).verdict, Preference::Tie);
            QCOMPARE(queue.record(i, SideVerdict::BothBad).verdict, Preference::BothBad);
        }
    }
    void nextAndUndoGoTogether() {
        ReviewQueue queue(makeItems(3), 1);
        QCOMPARE(queue.nextUnreviewed(1), std::optional<std::size_t>(1));
        queue.record(1, SideVerdict::Left);
        queue.record(2, SideVerdict::Tie);
        QCOMPARE(queue.nextUnreviewed(1), std::optional<std::size_t>(0));
        queue.record(0, SideVerdict::Tie);
        QVERIFY(!queue.nextUnreviewed());
        QCOMPARE(queue.undo(), std::optional<std::size_t>(0));
        QCOMPARE(queue.reviewed(), std::size_t{2});
        // Undo of a changed vote brings the earlier vote back.
        const PairVote before = *queue.vote(2);
        queue.record(2, SideVerdict::BothBad);
        QCOMPARE(queue.undo(), std::optional<std::size_t>(2));
        QVERIFY(*queue.vote(2) == before);
        queue.undo();
        queue.undo();
        QVERIFY(!queue.undo());
        QCOMPARE(queue.reviewed(), std::size_t{0});
    }
    void resumesWhereItStopped() {
        ReviewQueue queue(makeItems(20), 4);
        for (std::size_t i = 0; i < 12; ++i)
            queue.record(i, i % 2 ? SideVerdict::Left : SideVerdict::Right, "note", {"tone"}, 2.5);
        ReviewQueue resumed(makeItems(20), 4);
        auto votes = queue.votes();
        votes.push_back({"unknown", Preference::Tie, false, "", {}, 0});
        resumed.restore(votes);
        QCOMPARE(resumed.reviewed(), std::size_t{12});
        QCOMPARE(resumed.nextUnreviewed(), std::optional<std::size_t>(12));
        for (std::size_t i = 0; i < 12; ++i)
            QVERIFY(*resumed.vote(i) == *queue.vote(i));
    }
    void identicalAnswersAreTies() {
        auto items = makeItems(4);
        items[2].tuned = items[2].base;
        ReviewQueue queue(items, 1);
        QCOMPARE(queue.autoTies(), std::size_t{1});
        QCOMPARE(queue.votes().front().itemId, std::string("s2"));
        QCOMPARE(queue.autoTies(), std::size_t{0});
    }
    void csvDisarmsFormulas_data() {
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<QByteArray>("field");
        QTest::newRow("plain") << QByteArray("hello") << QByteArray("hello");
        QTest::newRow("comma") << QByteArray("a,b") << QByteArray("\"a,b\"");
        QTest::newRow("quote") << QByteArray("say \"x\"") << QByteArray("\"say \"\"x\"\"\"");
        QTest::newRow("equals") << QByteArray("=1+2") << QByteArray("'=1+2");
        QTest::newRow("plus") << QByteArray("+1") << QByteArray("'+1");
        QTest::newRow("minus") << QByteArray("-2+3") << QByteArray("'-2+3");
        QTest::newRow("at") << QByteArray("@SUM(A1)") << QByteArray("'@SUM(A1)");
        QTest::newRow("tab") << QByteArray("\t=1") << QByteArray("\"'\t=1\"");
        QTest::newRow("return") << QByteArray("\r=1") << QByteArray("\"'\r=1\"");
        QTest::newRow("command") << QByteArray("=cmd|' /C calc'!A0,x") << QByteArray("\"'=cmd|' /C calc'!A0,x\"");
        QTest::newRow("lines") << QByteArray("a\nb") << QByteArray("\"a\nb\"");
        QTest::newRow("empty") << QByteArray("") << QByteArray("");
    }
    void csvDisarmsFormulas() {
        QFETCH(QByteArray, text);
        QFETCH(QByteArray, field);
        QCOMPARE(QByteArray::fromStdString(csvText(text.toStdString())), field);
    }
    void csvHoldsTheReviewedRows() {
        auto items = makeItems(3);
        items[0].prompt = "=HYPERLINK(\"x\")";
        ReviewQueue queue(items, 2);
        for (std::size_t i = 0; i < 2; ++i)
            queue.record(i, SideVerdict::Left, "a, b", {"x", "y"}, 1.5);
        const std::string csv = reviewCsv(queue);
        QCOMPARE(std::count(csv.begin(), csv.end(), '\n'), 3); // head and two rows
        QVERIFY(csv.starts_with("id,prompt,expected,base,tuned,tuned_side,verdict,note,tags,seconds\r\n"));
        QVERIFY(csv.find(",\"a, b\",x y,1.5\r\n") != std::string::npos);
        QVERIFY(csv.find(",=") == std::string::npos && csv.find("\n=") == std::string::npos);
    }
};

ATTUNE_TEST(ReviewQueueTest)
#include "tst_review_queue.moc"
