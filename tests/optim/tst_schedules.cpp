// Schedules against values computed by hand from Hugging Face's definitions.
#include <QtTest>

#include "core/optim/optimizer.h"
#include "tests/support/test_main.h"

using namespace attune;

class TestSchedules : public QObject {
    Q_OBJECT

    static double factor(const QString& id, qint64 step, qint64 warmup, qint64 total, const ParamMap& params = {}) {
        for (const ScheduleKind& kind : builtinSchedules())
            if (kind.description.id == id.toStdString())
                return kind.factor(step, warmup, total, params);
        return -1;
    }

private Q_SLOTS:
    void valuesAreHuggingFaces_data() {
        QTest::addColumn<QString>("id");
        QTest::addColumn<qint64>("step");
        QTest::addColumn<qint64>("warmup");
        QTest::addColumn<qint64>("total");
        QTest::addColumn<double>("expected");
        QTest::newRow("linear start") << "linear" << qint64{0} << qint64{10} << qint64{110} << 0.0;
        QTest::newRow("linear warming") << "linear" << qint64{3} << qint64{10} << qint64{110} << 0.3;
        QTest::newRow("linear top") << "linear" << qint64{10} << qint64{10} << qint64{110} << 1.0;
        QTest::newRow("linear falling") << "linear" << qint64{85} << qint64{10} << qint64{110} << 0.25;
        QTest::newRow("linear end") << "linear" << qint64{110} << qint64{10} << qint64{110} << 0.0;
        QTest::newRow("linear past the end") << "linear" << qint64{200} << qint64{10} << qint64{110} << 0.0;
        QTest::newRow("linear without warm-up") << "linear" << qint64{0} << qint64{0} << qint64{4} << 1.0;
        QTest::newRow("linear all warm-up") << "linear" << qint64{5} << qint64{5} << qint64{5} << 0.0;
        QTest::newRow("cosine warming") << "cosine" << qint64{1} << qint64{4} << qint64{104} << 0.25;
        QTest::newRow("cosine top") << "cosine" << qint64{4} << qint64{4} << qint64{104} << 1.0;
        QTest::newRow("cosine third") << "cosine" << qint64{104 - 75} << qint64{4} << qint64{104} << 0.8535533905932737;
        QTest::newRow("cosine middle") << "cosine" << qint64{54} << qint64{4} << qint64{104} << 0.5;
        QTest::newRow("cosine end") << "cosine" << qint64{104} << qint64{4} << qint64{104} << 0.0;
        QTest::newRow("constant warming") << "constant" << qint64{2} << qint64{8} << qint64{100} << 0.25;
        QTest::newRow("constant") << "constant" << qint64{90} << qint64{8} << qint64{100} << 1.0;
    }
    void valuesAreHuggingFaces() {
        QFETCH(QString, id);
        QFETCH(qint64, step);
        QFETCH(qint64, warmup);
        QFETCH(qint64, total);
        QFETCH(double, expected);
        QVERIFY(std::abs(factor(id, step, warmup, total) - expected) < 1e-12);
    }

    void warmUpStableDecay() {
        const ParamMap linear{{"decay_share", 0.2}, {"decay_shape", std::string("linear")}},
            root{{"decay_shape", std::string("1-sqrt")}};
        const auto at = [](qint64 step, const ParamMap& params) { return factor("wsd", step, 10, 100, params); };
        QCOMPARE(at(0, {}), 0.0);
        QCOMPARE(at(5, {}), 0.5);
        QCOMPARE(at(10, {}), 1.0);
        QCOMPARE(at(79, {}), 1.0);
        QCOMPARE(at(80, {}), 1.0);
        QVERIFY(std::abs(at(90, {}) - 0.5) < 1e-12);
        QVERIFY(std::abs(at(85, {}) - 0.8535533905932737) < 1e-12); // a quarter of the cosine's way
        QVERIFY(std::abs(at(85, linear) - 0.75) < 1e-12);
        QVERIFY(std::abs(at(85, root) - 0.5) < 1e-12);
        QCOMPARE(at(100, {}), 0.0);
        QCOMPARE(at(500, linear), 0.0);
        QCOMPARE(at(99, {{"decay_share", 0.0}}), 1.0);
        // The decay never eats the warm-up.
        QCOMPARE(factor("wsd", 3, 4, 10, {{"decay_share", 1.0}}), 0.75);
        QCOMPARE(factor("wsd", 4, 4, 10, {{"decay_share", 1.0}}), 1.0);
        QVERIFY(std::abs(factor("wsd", 7, 4, 10, {{"decay_share", 1.0}, {"decay_shape", std::string("linear")}}) - 0.5) < 1e-12);
    }
    void inverseSquareRoot() {
        const auto at = [](qint64 step, qint64 warmup, qint64 scale) {
            return factor("inverse_sqrt", step, warmup, 1000, {{"timescale", std::int64_t{scale}}});
        };
        QCOMPARE(at(5, 10, 0), 0.5);
        QCOMPARE(at(10, 10, 0), 1.0);
        QVERIFY(std::abs(at(40, 10, 0) - 0.5) < 1e-12);             // sqrt(10 / 40)
        QVERIFY(std::abs(at(10 + 300, 10, 100) - 0.5) < 1e-12);     // sqrt(100 / 400)
        QVERIFY(std::abs(at(30000, 0, 0) - 0.5) < 1e-12);           // 10,000 without warm-up
    }
    void everyScheduleIsDescribedAndBounded() {
        for (const ScheduleKind& kind : builtinSchedules()) {
            QVERIFY(!kind.description.title.empty() && !kind.description.summary.empty());
            for (const ParamSpec& spec : kind.description.params)
                QVERIFY2(!spec.label.empty() && !spec.help.empty(), spec.key.c_str());
            for (const qint64 warmup : {0, 1, 7, 50})
                for (qint64 step = 0; step <= 50; ++step) {
                    const double value = kind.factor(step, warmup, 50, {});
                    QVERIFY2(value >= 0.0 && value <= 1.0, kind.description.id.c_str());
                }
        }
    }
};

ATTUNE_TEST(TestSchedules)
#include "tst_schedules.moc"
