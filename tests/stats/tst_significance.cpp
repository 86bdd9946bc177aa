#include <array>
#include <cmath>

#include <QtTest>

#include "core/stats/significance.h"
#include "tests/support/test_main.h"

using namespace attune;

class SignificanceTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void matchesBinomTestOfR() {
        QVERIFY(std::abs(binomialTest(682, 925, 0.75) - 0.3825) < 5e-5); // the example in R's help page
        QVERIFY(std::abs(binomialTest(7, 10) - 0.34375) < 1e-9);         // 2 * (120 + 45 + 10 + 1) / 1024
        QVERIFY(std::abs(binomialTest(5, 10) - 1.0) < 1e-9);
        QVERIFY(std::abs(binomialTest(0, 10) - 2.0 / 1024) < 1e-12);
    }
    void signTestOfNineToOne() {
        QVERIFY(std::abs(signTest(9, 1) - 22.0 / 1024) < 1e-12);
        QVERIFY(std::abs(signTest(1, 9) - signTest(9, 1)) < 1e-12);
        QCOMPARE(signTest(0, 0), 1.0);
    }
    void largeCountsStayFinite() {
        const double p = signTest(60000, 59000);
        QVERIFY(std::isfinite(p) && p > 0.003 && p < 0.005); // normal approximation: z = 2.896
    }
    void mcNemarUsesOnlyTheDiscordantPairs() {
        const std::array<bool, 8> first{true, true, true, true, false, true, false, true};
        const std::array<bool, 8> second{true, false, false, false, false, false, true, false};
        const McNemar result = mcNemar(first, second);
        QCOMPARE(result.both, 1);
        QCOMPARE(result.onlyFirst, 5);
        QCOMPARE(result.onlySecond, 1);
        QCOMPARE(result.neither, 1);
        QVERIFY(std::abs(result.pValue - 14.0 / 64) < 1e-12); // 2 * (1 + 6) / 2^6
    }
};

ATTUNE_TEST(SignificanceTest)
#include "tst_significance.moc"
