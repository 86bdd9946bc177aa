// Lion against an independent double-precision recomputation of the paper's algorithm 2.
#include <QtTest>

#include <cmath>

#include "core/optim/lion.h"
#include "tests/optim/random_parameter.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::test;

class TestLion : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void stepsMatchTheDefinition_data() {
        QTest::addColumn<int>("type");
        QTest::addColumn<double>("tolerance");
        QTest::newRow("f64") << static_cast<int>(at::kDouble) << 1e-12;
        QTest::newRow("f32") << static_cast<int>(at::kFloat) << 1e-4;
    }
    void stepsMatchTheDefinition() {
        QFETCH(int, type);
        QFETCH(double, tolerance);
        constexpr double kBeta1 = 0.9, kBeta2 = 0.97, kDecay = 0.1, kClip = 0.5;
        Parameter first = randomParameter("first", {9, 11}, true, static_cast<at::ScalarType>(type), 1);
        Parameter second = randomParameter("second", {5}, false, static_cast<at::ScalarType>(type), 2);
        Lion optimizer({&first, &second}, {kBeta1, kBeta2, kDecay});
        std::vector<std::vector<double>> values{doubles(first.value), doubles(second.value)}, averages{std::vector<double>(99), std::vector<double>(5)};
        Rng rng(3);
        for (int step = 1; step <= 200; ++step) {
            const double rate = 1e-3 * (1.0 - step / 250.0);
            fillNormal(first.grad, rng, 0.2), fillNormal(second.grad, rng, 0.2);
            const double coefficient = std::min(1.0, kClip / (normOf({&first, &second}) + 1e-6));
            for (int p = 0; p < 2; ++p) {
                const std::vector<double> g = doubles(p ? second.grad : first.grad);
                for (std::size_t i = 0; i < g.size(); ++i) {
                    double &x = values[p][i], &m = averages[p][i];
                    const double gradient = g[i] * coefficient, direction = kBeta1 * m + (1 - kBeta1) * gradient;
                    x -= rate * ((direction > 0) - (direction < 0) + (p ? 0.0 : kDecay) * x);
                    m = kBeta2 * m + (1 - kBeta2) * gradient;
                }
            }
            QVERIFY(optimizer.step(rate, kClip).finite);
        }
        // A sign may flip in f32 where the direction is almost zero; that moves a weight by two steps at most.
        for (int p = 0; p < 2; ++p) {
            const std::vector<double> actual = doubles(p ? second.value : first.value);
            std::size_t off = 0;
            for (std::size_t i = 0; i < actual.size(); ++i)
                off += std::abs(actual[i] - values[p][i]) > tolerance;
            QVERIFY2(off == 0, qPrintable(QString::number(off)));
        }
    }
    void zeroGradientsMoveNothing() {
        Parameter p = randomParameter("p", {100}, true, at::kFloat, 4);
        const at::Tensor before = p.value.clone();
        Lion optimizer({&p}, {});
        optimizer.step(0.1, 1.0);
        QVERIFY(at::equal(p.value, before));
    }
};

ATTUNE_TEST(TestLion)
#include "tst_lion.moc"
