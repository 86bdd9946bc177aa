// Adafactor against an independent double-precision recomputation, matrices and vectors, clipping of the update included.
#include <QtTest>

#include <cmath>

#include "core/optim/adafactor.h"
#include "tests/optim/random_parameter.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::test;

class TestAdafactor : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void stepsMatchTheDefinition_data() {
        QTest::addColumn<int>("type");
        QTest::addColumn<double>("tolerance");
        QTest::newRow("f64") << static_cast<int>(at::kDouble) << 1e-10;
        QTest::newRow("f32") << static_cast<int>(at::kFloat) << 5e-5;
    }
    void stepsMatchTheDefinition() {
        QFETCH(int, type);
        QFETCH(double, tolerance);
        constexpr double kDecayRate = 0.8, kThreshold = 0.7, kDecay = 0.1, kEpsilon = 1e-30, kClip = 100.0;
        constexpr std::int64_t kRows = 700, kColumns = 130; // two pieces
        Parameter matrix = randomParameter("matrix", {kRows, kColumns}, true, static_cast<at::ScalarType>(type), 1);
        Parameter vector = randomParameter("vector", {40}, false, static_cast<at::ScalarType>(type), 2);
        Adafactor optimizer({&matrix, &vector}, {kEpsilon, kDecayRate, kThreshold, kDecay});
        std::vector<double> x = doubles(matrix.value), y = doubles(vector.value);
        std::vector<double> row(kRows), column(kColumns), square(40);
        Rng rng(3);
        bool clipped = false, notClipped = false;
        for (int step = 1; step <= 12; ++step) {
            const double rate = 1e-2;
            fillNormal(matrix.grad, rng, step % 4 ? 0.1 : 1.0), fillNormal(vector.grad, rng, step % 4 ? 0.1 : 1.0);
            if (step == 6)
                matrix.grad.narrow(0, 10, 30).zero_(); // rows without a gradient
            const double coefficient = std::min(1.0, kClip / (normOf({&matrix, &vector}) + 1e-6));
            std::vector<double> g = doubles(matrix.grad), h = doubles(vector.grad);
            for (double& value : g)
                value *= coefficient;
            for (double& value : h)
                value *= coefficient;
            const double remember = 1.0 - std::pow(step, -kDecayRate);
            std::vector<double> rowMean(kRows), columnMean(kColumns);
            for (std::int64_t r = 0; r < kRows; ++r)
                for (std::int64_t c = 0; c < kColumns; ++c) {
                    const double s = g[r * kColumns + c] * g[r * kColumns + c] + kEpsilon;
                    rowMean[r] += s / kColumns, columnMean[c] += s / kRows;
                }
            double mean = 0;
            for (std::int64_t r = 0; r < kRows; ++r) {
                row[r] = remember * row[r] + (1 - remember) * rowMean[r];
                mean += row[r] / kRows;
            }
            for (std::int64_t c = 0; c < kColumns; ++c)
                column[c] = remember * column[c] + (1 - remember) * columnMean[c];
            std::vector<double> u(g.size()), w(h.size());
            double uSquares = 0, wSquares = 0;
            for (std::int64_t r = 0; r < kRows; ++r)
                for (std::int64_t c = 0; c < kColumns; ++c) {
                    // V[r, c] = row[r] column[c] / mean(row)
                    u[r * kColumns + c] = g[r * kColumns + c] / std::sqrt(row[r] * column[c] / mean);
                    uSquares += u[r * kColumns + c] * u[r * kColumns + c];
                }
            for (std::size_t i = 0; i < h.size(); ++i) {
                square[i] = remember * square[i] + (1 - remember) * (h[i] * h[i] + kEpsilon);
                w[i] = h[i] / std::sqrt(square[i]);
                wSquares += w[i] * w[i];
            }
            const double uRoot = std::sqrt(uSquares / static_cast<double>(u.size())), wRoot = std::sqrt(wSquares / 40);
            (uRoot > kThreshold ? clipped : notClipped) = true;
            for (std::size_t i = 0; i < x.size(); ++i)
                x[i] -= rate * (kDecay * x[i] + u[i] / std::max(1.0, uRoot / kThreshold));
            for (std::size_t i = 0; i < y.size(); ++i)
                y[i] -= rate * w[i] / std::max(1.0, wRoot / kThreshold);
            QVERIFY(optimizer.step(rate, kClip).finite);
        }
        QVERIFY(clipped && notClipped);
        const std::vector<double> actual = doubles(matrix.value), actualVector = doubles(vector.value);
        for (std::size_t i = 0; i < x.size(); ++i)
            QVERIFY2(std::abs(actual[i] - x[i]) < tolerance, qPrintable(QString("%1: %2 against %3").arg(i).arg(actual[i]).arg(x[i])));
        for (std::size_t i = 0; i < y.size(); ++i)
            QVERIFY2(std::abs(actualVector[i] - y[i]) < tolerance, qPrintable(QString::number(i)));
    }
};

ATTUNE_TEST(TestAdafactor)
#include "tst_adafactor.moc"
