#include <cmath>

#include <QtTest>

#include "core/base/rng.h"
#include "core/stats/sequential.h"
#include "tests/support/test_main.h"

using namespace attune;
using Verdict = SequentialState::Verdict;

class SequentialTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void evidenceIsTheMixtureLikelihoodRatio() {
        // B(w + 1, l + 1) * 2^(w + l): for w = 10, l = 0 that is 1024 / 11; for 3 : 2 it is 32 * 3! 2! / 6! = 32 / 60.
        QVERIFY(std::abs(sequentialReview(10, 0).evidence - 1024.0 / 11) < 1e-9);
        QVERIFY(std::abs(sequentialReview(3, 2).evidence - 32.0 * 12 / 720) < 1e-9);
        QVERIFY(std::abs(sequentialReview(0, 0).evidence - 1) < 1e-12);
    }
    void decidesAtOneOverAlpha() {
        QCOMPARE(sequentialReview(7, 0).verdict, Verdict::Undecided);   // 128 / 8 = 16 < 20
        QCOMPARE(sequentialReview(8, 0).verdict, Verdict::FirstBetter); // 256 / 9 = 28.4
        QCOMPARE(sequentialReview(0, 8).verdict, Verdict::SecondBetter);
        QCOMPARE(sequentialReview(8, 0).expectedMore, 0);
    }
    void saysHowManyMore() {
        QCOMPARE(sequentialReview(5, 0).expectedMore, 3); // 8 : 0 decides
        QCOMPARE(sequentialReview(5, 0, 0.05, 0.5).expectedMore,
                 5); // 2.4 more decided votes are about 5 with half of them ties
        QCOMPARE(sequentialReview(4, 4).expectedMore, -1);
        QCOMPARE(sequentialReview(0, 0).expectedMore, -1);
        // At the foreseen count and the same rate it is settled indeed.
        const auto state = sequentialReview(12, 8);
        QVERIFY(state.expectedMore > 0);
        const double more = static_cast<double>(state.expectedMore) + 2;
        QVERIFY(
            sequentialReview(12 + static_cast<int>(std::ceil(more * 0.6)), 8 + static_cast<int>(more * 0.4)).verdict ==
            Verdict::FirstBetter);
    }
    void lookingAfterEveryVoteKeepsTheErrorRate() {
        Rng rng(11);
        const int runs = 1500;
        int wrong = 0;
        for (int run = 0; run < runs; ++run) {
            int wins = 0, losses = 0;
            for (int vote = 0; vote < 200; ++vote) {
                ++(rng.next32() & 1 ? wins : losses);
                if (sequentialReview(wins, losses).verdict != Verdict::Undecided) {
                    ++wrong;
                    break;
                }
            }
        }
        QVERIFY2(wrong < runs * 0.05 * 1.25, qPrintable(QString::number(wrong)));
        QVERIFY(wrong > 0); // a test that never decides would pass the line above
    }
};

ATTUNE_TEST(SequentialTest)
#include "tst_sequential.moc"
