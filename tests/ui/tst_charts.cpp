#include <cmath>
#include <set>

#include <QApplication>
#include <QImage>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QtTest>

#include "tests/support/test_main.h"
#include "tests/support/thread_time.h"
#include "ui/charts/bar_chart.h"
#include "ui/charts/histogram_chart.h"
#include "ui/charts/loss_chart.h"
#include "ui/charts/parallel_chart.h"

using namespace attune;

namespace {

ChartStyle plainStyle() {
    return {Qt::white,        Qt::lightGray, Qt::black,        Qt::darkGray, Qt::gray, QColor(0x2f6fdb),
            QColor(0xe6eefc), Qt::darkGreen, QColor(0xa86400), Qt::red,      QFont()};
}

QVector<LossChart::Point> curve(int from, int to) {
    QVector<LossChart::Point> points;
    for (int i = from; i <= to; ++i)
        points.append({double(i), 3.0 * std::exp(-i / 4000.0) + 0.2 * std::sin(i * 12.9898)});
    return points;
}

} // namespace

class ChartsTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void smoothingIsTheBiasCorrectedMean() {
        LossChart chart;
        chart.setSmoothing(0.9);
        chart.append({{1, 4.0}, {2, 2.0}, {3, 3.0}});
        const auto smooth = chart.smoothed();
        // Weights 0.9^k of the values before, normalised to one.
        QVERIFY(std::abs(smooth[0].y - 4.0) < 1e-12);
        QVERIFY(std::abs(smooth[1].y - (0.9 * 4 + 2) / 1.9) < 1e-12);
        QVERIFY(std::abs(smooth[2].y - (0.81 * 4 + 0.9 * 2 + 3) / 2.71) < 1e-12);
    }

    void aGapDoesNotSpoilTheCurve() {
        LossChart chart;
        chart.append({{1, 2.0}, {2, std::nan("")}, {3, 2.0}});
        QVERIFY(std::isnan(chart.smoothed()[1].y));
        QVERIFY(std::abs(chart.smoothed()[2].y - 2.0) < 1e-12);
    }

    void aResumedRunReplacesWhatLiesBeyond() {
        LossChart chart;
        chart.append(curve(1, 100));
        chart.truncateAfter(60);
        QCOMPARE(chart.pointCount(), qsizetype(60));
        chart.append(curve(50, 70)); // repeated steps up to 60 are known already
        QCOMPARE(chart.pointCount(), qsizetype(70));
    }

    void csvHoldsEveryPoint() {
        LossChart chart;
        chart.setSmoothing(0);
        chart.append({{1, 2.5}, {2, 2.25}});
        chart.appendValidation({{0, 3.0}, {2, 2.0}});
        QCOMPARE(chart.csv(),
                 QString("step,training,training smoothed,validation\n0,,,3\n1,2.5,2.5,\n2,2.25,2.25,2\n"));
    }

    void savesEveryFormat() {
        QTemporaryDir folder;
        LossChart chart;
        chart.resize(640, 320);
        chart.setStyle(plainStyle());
        chart.append(curve(1, 400));
        chart.setMarker(160, "best checkpoint 160");
        for (const char* ending : {"png", "svg", "pdf", "csv"}) {
            const QString file = folder.filePath(QString("loss.") + ending);
            QString error;
            QVERIFY2(chart.save(file, &error), qPrintable(error));
            QVERIFY(QFileInfo(file).size() > 400);
        }
        QCOMPARE(QImage(folder.filePath("loss.png")).size(), QSize(1280, 640));
        QString error;
        QVERIFY(!chart.save(folder.filePath("no/such/folder/loss.png"), &error));
        QVERIFY(!error.isEmpty());
        QVERIFY(!chart.save(folder.filePath("loss.bmp"), &error));
    }

    void oneHundredThousandPointsStayFast() {
        LossChart chart;
        chart.resize(900, 420);
        chart.setStyle(plainStyle());
        chart.show();
        chart.append(curve(1, 100'000));
        QTest::qWait(100);
        // Live: a batch comes 25 times a second and the chart is drawn; the longest turn of the event loop is what a
        // user feels.
        double longest = 0;
        for (int i = 0; i < 25; ++i) {
            chart.append(curve(100'001 + i * 25, 100'025 + i * 25));
            QElapsedTimer waited;
            waited.start();
            while (waited.elapsed() < 60) {
                test::ThreadTime turn;
                QCoreApplication::processEvents();
                longest = std::max(longest, turn.restart());
            }
        }
        qInfo("longest turn of the event loop with 100,000 points: %.0f ms of this thread's processor time", longest);
        QVERIFY2(longest < 200, qPrintable(QString("a turn took %1 ms of the window's thread").arg(longest)));
    }

    void histogramCountsEveryValueOnce() {
        HistogramChart chart;
        chart.setStyle(plainStyle());
        QVector<double> values;
        for (int i = 0; i < 1000; ++i)
            values.append(i % 97);
        values.append(std::nan(""));
        chart.setValues(values, 10);
        double sum = 0;
        const QStringList lines = chart.csv().split('\n', Qt::SkipEmptyParts);
        for (qsizetype i = 1; i < lines.size(); ++i)
            sum += lines[i].section(',', 2, 2).toDouble();
        QCOMPARE(sum, 1000.0);
        QCOMPARE(lines.size(), qsizetype(11));
    }

    void parallelAxesPlaceTheirValues() {
        ParallelChart chart;
        chart.setStyle(plainStyle());
        const double none = std::nan("");
        chart.setData({{"Rate", true, false, {}}, {"Schedule", false, false, {"linear", "cosine", "wsd"}}, {"Loss", false, true, {}}},
                      {{"trial 1", {1e-4, 0, 2.0}, 1}, {"trial 2", {1e-2, 2, 1.0}, 0}, {"trial 3", {1e-3, 1, none}, 1}});
        // Equal ratios are equal distances; categories are spread evenly; the smallest loss is at the top.
        QVERIFY(std::abs(chart.place(0, 1e-4)) < 1e-12 && std::abs(chart.place(0, 1e-3) - 0.5) < 1e-12 && std::abs(chart.place(0, 1e-2) - 1) < 1e-12);
        QCOMPARE(chart.place(1, 1), 0.5);
        QCOMPARE(chart.place(2, 1.0), 1.0);
        QCOMPARE(chart.place(2, 2.0), 0.0);
        QVERIFY(std::isnan(chart.place(2, none)));
        QCOMPARE(chart.csv(), QString("trial,\"Rate\",\"Schedule\",\"Loss\"\n\"trial 1\",0.0001,\"linear\",2\n\"trial 2\",0.01,\"wsd\",1\n"
                                      "\"trial 3\",0.001,\"cosine\",\n"));
        chart.resize(600, 300);
        chart.show();
        QTest::qWait(100);
        QSignalSpy picked(&chart, &ParallelChart::lineClicked);
        for (int y = 0; y < 300; y += 4) // somewhere on the way from top to bottom every line is met
            QTest::mouseClick(chart.findChildren<QWidget*>().first(), Qt::LeftButton, {}, QPoint(200, y));
        std::set<int> lines;
        for (const auto& click : picked)
            lines.insert(click.first().toInt());
        QCOMPARE(lines, (std::set<int>{0, 1, 2}));
        chart.setMarked(1);
        QVERIFY(!chart.grab().isNull());
    }

    void whatWasNotMeasuredHasNoBar() {
        BarChart chart;
        chart.setStyle(plainStyle());
        chart.setData({"valid JSON"}, {{"base", {{0.0, 0.0, 0.02, true}}}, {"tuned", {{0, 0, 0, false}}}}, true);
        QVERIFY(chart.csv().contains("\"valid JSON\",\"tuned\",not measured"));
        chart.resize(400, 240);
        QVERIFY(!chart.grab().isNull());
    }
};

ATTUNE_TEST(ChartsTest)
#include "tst_charts.moc"
