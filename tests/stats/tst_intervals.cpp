// Published values: Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17
// (1998), table I.
#include <cmath>
#include <vector>

#include <QtTest>

#include "core/stats/intervals.h"
#include "tests/support/test_main.h"

using namespace attune;

class IntervalsTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void matchesPublishedProportions_data() {
        QTest::addColumn<int>("successes");
        QTest::addColumn<int>("n");
        QTest::addColumn<double>("wilsonLow");
        QTest::addColumn<double>("wilsonHigh");
        QTest::addColumn<double>("exactLow");
        QTest::addColumn<double>("exactHigh");
        QTest::newRow("81 of 263") << 81 << 263 << 0.2553 << 0.3662 << 0.2527 << 0.3676;
        QTest::newRow("15 of 148") << 15 << 148 << 0.0624 << 0.1605 << 0.0578 << 0.1617;
        QTest::newRow("0 of 20") << 0 << 20 << 0.0 << 0.1611 << 0.0 << 0.1684;
        QTest::newRow("1 of 29") << 1 << 29 << 0.0061 << 0.1718 << 0.0009 << 0.1776;
    }
    void matchesPublishedProportions() {
        QFETCH(int, successes);
        QFETCH(int, n);
        QFETCH(double, wilsonLow);
        QFETCH(double, wilsonHigh);
        QFETCH(double, exactLow);
        QFETCH(double, exactHigh);
        const Interval wilson = wilsonInterval(successes, n), exact = clopperPearsonInterval(successes, n);
        QVERIFY(std::abs(wilson.low - wilsonLow) < 5.1e-5);
        QVERIFY(std::abs(wilson.high - wilsonHigh) < 5.1e-5);
        QVERIFY(std::abs(exact.low - exactLow) < 5.1e-5);
        QVERIFY(std::abs(exact.high - exactHigh) < 5.1e-5);
        // The mirror image has the mirrored interval.
        const Interval mirror = wilsonInterval(n - successes, n);
        QVERIFY(std::abs(mirror.low - (1 - wilson.high)) < 1e-12);
        QVERIFY(std::abs(mirror.high - (1 - wilson.low)) < 1e-12);
    }
    void nothingMeasuredIsEverythingPossible() {
        QCOMPARE(wilsonInterval(0, 0), (Interval{0, 1}));
        QCOMPARE(clopperPearsonInterval(0, 0), (Interval{0, 1}));
    }
    void endsAreExact() {
        QCOMPARE(wilsonInterval(0, 150).low, 0.0);
        QCOMPARE(wilsonInterval(150, 150).high, 1.0);
        // Rule of three in its exact form: 1 - 0.025^(1/n).
        QVERIFY(std::abs(clopperPearsonInterval(0, 150).high - (1 - std::pow(0.025, 1.0 / 150))) < 1e-9);
    }
    void wilsonCoversAsPromisedOnAverage() {
        // Exact coverage by summing the binomial distribution, averaged over p: close to 95 %, and exact intervals
        // never below.
        const int n = 40;
        double coverage = 0;
        for (int step = 1; step < 100; ++step) {
            const double p = step / 100.0;
            double covered = 0, exact = 0, term = std::pow(1 - p, n);
            for (int k = 0; k <= n; ++k) {
                if (wilsonInterval(k, n).contains(p))
                    covered += term;
                if (clopperPearsonInterval(k, n).contains(p))
                    exact += term;
                term *= static_cast<double>(n - k) / (k + 1) * p / (1 - p);
            }
            QVERIFY(exact > 0.95 - 1e-9);
            coverage += covered / 99;
        }
        QVERIFY2(std::abs(coverage - 0.95) < 0.01, qPrintable(QString::number(coverage)));
    }
    void studentsIntervalOfFiveNumbers() {
        const std::vector<double> values{1, 2, 3, 4, 5}; // t(4, 0.975) = 2.7764451, standard error sqrt(0.5)
        const Interval interval = meanInterval(values);
        QVERIFY(std::abs(interval.low - (3 - 2.7764451 * std::sqrt(0.5))) < 1e-6);
        QVERIFY(std::abs(interval.high - (3 + 2.7764451 * std::sqrt(0.5))) < 1e-6);
        QVERIFY(std::isinf(meanInterval(std::vector<double>{1}).high));
    }
    void normalQuantiles() {
        QVERIFY(std::abs(normalQuantile(0.95) - 1.959963985) < 1e-8);
        QVERIFY(std::abs(normalQuantile(0.99) - 2.575829304) < 1e-8);
    }
};

ATTUNE_TEST(IntervalsTest)
#include "tst_intervals.moc"
