// Schedules against values computed by hand from Hugging Face's definitions.
#include <QtTest>

#include "core/optim/optimizer.h"
#include "tests/support/test_main.h"

using namespace attune;

class TestSchedules : public QObject {
    Q_OBJECT

    static double factor(const QString& id, qint64 step, qint64 warmup, qint64 total) {
        for (const ScheduleKind& kind : builtinSchedules())
            if (kind.description.id == id.toStdString())
                return kind.factor(step, warmup, total);
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
};

ATTUNE_TEST(TestSchedules)
#include "tst_schedules.moc"
