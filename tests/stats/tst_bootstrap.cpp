#include <algorithm>
#include <cmath>
#include <vector>

#include <QtTest>

#include "core/base/rng.h"
#include "core/stats/bootstrap.h"
#include "tests/support/test_main.h"

using namespace attune;

class BootstrapTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void sameSeedSameIntervalOtherSeedNot() {
        std::vector<double> values;
        for (int i = 0; i < 50; ++i)
            values.push_back(std::sin(i));
        QCOMPARE(bootstrapMean(values), bootstrapMean(values));
        BootstrapOptions other;
        other.seed = 7;
        QVERIFY(!(bootstrapMean(values) == bootstrapMean(values, other)));
    }
    void constantValuesHaveNoWidth() {
        const std::vector<double> values(20, 0.25);
        QCOMPARE(bootstrapMean(values), (Interval{0.25, 0.25}));
        QCOMPARE(bootstrapMean({}), (Interval{0, 0}));
    }
    void agreesWithStudentOnNormalValues() {
        Rng rng(3);
        std::vector<double> values(200);
        for (double& value : values)
            value = 5 + 2 * rng.normal();
        const Interval student = meanInterval(values), resampled = bootstrapMean(values);
        const double width = student.high - student.low;
        QVERIFY(std::abs(resampled.low - student.low) < 0.12 * width);
        QVERIFY(std::abs(resampled.high - student.high) < 0.12 * width);
    }
    void pairsStayTogether() {
        // Every row gains exactly 0.1 while the rows differ widely: a paired interval has no width, an unpaired one
        // would.
        std::vector<double> before, after;
        for (int i = 0; i < 40; ++i)
            before.push_back(i), after.push_back(i + 0.1);
        const Interval interval = pairedBootstrap(before, after);
        QVERIFY(std::abs(interval.low - 0.1) < 1e-9 && std::abs(interval.high - 0.1) < 1e-9);
    }
    void otherStatistics() {
        const std::vector<double> values{1, 2, 3, 4, 100};
        const Interval interval =
            bootstrap(values, [](std::span<const double> s) { return *std::max_element(s.begin(), s.end()); });
        QCOMPARE(interval.high, 100.0);
        QVERIFY(interval.low >= 1 && interval.low <= 4);
    }
};

ATTUNE_TEST(BootstrapTest)
#include "tst_bootstrap.moc"
