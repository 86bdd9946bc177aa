#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include <QtTest>

#include "core/base/rng.h"
#include "core/stats/histogram.h"
#include "tests/support/test_main.h"

using namespace attune;

class HistogramTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void quantilesAsType7OfR() {
        const std::vector<double> values{1, 2, 3, 4};
        QCOMPARE(quantile(values, 0.25), 1.75);
        QCOMPARE(quantile(values, 0.5), 2.5);
        QCOMPARE(quantile(values, 0), 1.0);
        QCOMPARE(quantile(values, 1), 4.0);
    }
    void everyValueIsInItsBin() {
        Rng rng(5);
        std::vector<double> values(1000);
        for (double& value : values)
            value = std::exp(2 * rng.normal()) * 50;
        const Histogram histogram = makeHistogram(values, 30);
        QVERIFY(histogram.counts.size() <= 30);
        for (std::size_t bin = 0; bin < histogram.counts.size(); ++bin) {
            const double from = histogram.start + static_cast<double>(bin) * histogram.width,
                         to = from + histogram.width;
            std::int64_t expected = 0;
            for (const double value : values)
                expected += value >= from && value < to;
            QCOMPARE(histogram.counts[bin], expected);
        }
        QCOMPARE(histogram.total, 1000);
    }
    void widthsAreReadable() {
        std::vector<double> values(513);
        std::iota(values.begin(), values.end(), 0.0);
        const Histogram histogram = makeHistogram(values, 40);
        QCOMPARE(histogram.width, 20.0);
        QCOMPARE(histogram.start, 0.0);
        QCOMPARE(histogram.median, 256.0);
    }
    void oddInputs() {
        QCOMPARE(makeHistogram({}).total, 0);
        const std::vector<double> same(5, 7.0);
        QCOMPARE(makeHistogram(same).counts, std::vector<std::int64_t>{5});
        const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
        QCOMPARE(makeHistogram(std::vector<double>{1, nan, inf, 2}).total, 2);
        const Histogram wide = makeHistogram(std::vector<double>{-1e300, 1e300, 0});
        QCOMPARE(std::accumulate(wide.counts.begin(), wide.counts.end(), std::int64_t{0}), 3);
    }
};

ATTUNE_TEST(HistogramTest)
#include "tst_histogram.moc"
