// Rotary frequencies of every scaling kind against numbers computed outside this program from Hugging Face's
// definitions.
#include <QtTest>

#include "core/nn/rope.h"
#include "tests/support/test_main.h"

using namespace attune;

class TestRope : public QObject {
    Q_OBJECT

    static ModelConfig config(double theta, RopeScaling scaling, double factor, std::int64_t original) {
        ModelConfig c;
        c.headDim = 64;
        c.contextLength = 131072;
        c.rope.theta = theta, c.rope.scaling = scaling, c.rope.factor = factor, c.rope.originalContext = original;
        return c;
    }
    static void compare(const RopeFrequencies& actual, const std::vector<std::pair<std::size_t, double>>& expected) {
        for (const auto& [index, value] : expected)
            QVERIFY2(std::abs(actual.inverse.at(index) - value) < 1e-12 * value,
                     qPrintable(QString("%1: %2").arg(index).arg(actual.inverse.at(index), 0, 'g', 16)));
    }

private Q_SLOTS:
    void llama3() {
        compare(ropeFrequencies(config(500000.0, RopeScaling::Llama3, 32.0, 8192), 100), {{0, 1.0},
                                                                                          {14, 0.003211445994752591},
                                                                                          {15, 0.001290547928209264},
                                                                                          {16, 0.00042955679655936815},
                                                                                          {17, 9.70828780262767e-05},
                                                                                          {31, 9.41830672543491e-08}});
    }
    void yarn() {
        const RopeFrequencies actual = ropeFrequencies(config(10000.0, RopeScaling::Yarn, 4.0, 4096), 100);
        compare(actual, {{0, 1.0},
                         {10, 0.056234132519034905},
                         {14, 0.013679072384914791},
                         {18, 0.0030279917510249565},
                         {25, 0.00018747355233311394},
                         {31, 3.33380358040831e-05}});
        QVERIFY(std::abs(actual.attentionScale - 1.138629436111989) < 1e-12);
    }
    void dynamicStretchesBeyondItsContextOnly() {
        const ModelConfig c = config(10000.0, RopeScaling::Dynamic, 2.0, 2048);
        QVERIFY(ropeDependsOnLength(c.rope));
        compare(ropeFrequencies(c, 3000),
                {{1, 0.7341600401787418}, {16, 0.007122818523115005}, {31, 6.910556409591315e-05}});
        QCOMPARE(ropeFrequencies(c, 2048).inverse,
                 ropeFrequencies(config(10000.0, RopeScaling::None, 1.0, 0), 5).inverse);
    }
    void linearDividesEveryFrequency() {
        compare(ropeFrequencies(config(10000.0, RopeScaling::Linear, 4.0, 0), 10), {{0, 0.25}, {16, 0.0025}});
    }
    void longRopeChoosesItsFactorsByLength() {
        ModelConfig c = config(10000.0, RopeScaling::LongRope, 1.0, 4096);
        c.rope.shortFactor.assign(32, 2.0);
        c.rope.longFactor.assign(32, 8.0);
        compare(ropeFrequencies(c, 4096), {{0, 0.5}, {16, 0.005}});
        compare(ropeFrequencies(c, 4097), {{0, 0.125}, {16, 0.00125}});
        QVERIFY(std::abs(ropeFrequencies(c, 10).attentionScale - 1.1902380714238083) < 1e-12);
    }
    void tableHoldsScaledCosinesOfEachPosition() {
        const RopeFrequencies frequencies{{1.0, 0.5}, 2.0};
        std::vector<double> cosines, sines;
        appendRopeTable(frequencies, 0, 2, cosines, sines);
        appendRopeTable(frequencies, 2, 1, cosines, sines);
        QCOMPARE(cosines.size(), std::size_t{6});
        QCOMPARE(cosines[4], 2.0 * std::cos(2.0));
        QCOMPARE(sines[5], 2.0 * std::sin(1.0));
    }
};

ATTUNE_TEST(TestRope)
#include "tst_rope.moc"
