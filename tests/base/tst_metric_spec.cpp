// Names of metrics against their descriptions, and the load of other programs from the kernel's figures.
#include <QtTest>

#include "core/base/cpu_load.h"
#include "core/base/metric_spec.h"
#include "tests/support/test_main.h"

using namespace attune;

class MetricSpecTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void aStarStandsForOnePart() {
        const std::vector<MetricSpec> specs{{"rewards/margins", "Margin", "", ""}, {"rewards/*/mean", "Reward: *", "share", "", false}};
        MetricSpec filled;
        QVERIFY(findMetric(specs, "rewards/margins", filled) && filled.label == "Margin" && filled.leading);
        QVERIFY(findMetric(specs, "rewards/json_valid/mean", filled));
        QCOMPARE(filled.label, std::string("Reward: json valid"));
        QCOMPARE(filled.key, std::string("rewards/json_valid/mean"));
        QVERIFY(filled.unit == "share" && !filled.leading);
        for (const char* other : {"rewards/mean", "rewards/json/std", "reward", ""})
            QVERIFY2(!findMetric(specs, other, filled), other);
    }

    void theKernelsFiguresAreRead() {
        // user nice system idle iowait irq softirq steal guest guest_nice
        const auto times = parseCpuTimes("cpu 100 10 40 800 50 0 0 0 30 0\ncpu0 1 2 3 4\n", 100);
        QVERIFY(times.has_value());
        QCOMPARE(times->all, 10.0);
        QCOMPARE(times->busy, 1.5);
        for (const char* bad : {"", "cpu", "cpu a b", "intr 1 2 3 4 5", "cpu 1 2 3"})
            QVERIFY2(!parseCpuTimes(bad, 100), bad);
    }

    void ownWorkIsNoOtherLoad() {
        const CpuTimes before{10, 100, 3}, own{18, 110, 11}, others{18, 110, 3}, soon{10, 100.1, 3};
        QVERIFY(std::abs(otherLoad(before, own)) < 1e-12);
        QVERIFY(std::abs(otherLoad(before, others) - 0.8) < 1e-12);
        QCOMPARE(otherLoad(before, soon), -1.0); // too short to say
        QCOMPARE(otherLoad(before, {10, 110, 9}), 0.0); // ticks are coarser than the process's own time
    }
};

ATTUNE_TEST(MetricSpecTest)
#include "tst_metric_spec.moc"
