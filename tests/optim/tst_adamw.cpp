// AdamW against an independent double-precision recomputation over 1,000 steps; clipping; non-finite gradients.
#include <QtTest>

#include <cmath>

#include <ATen/ATen.h>

#include "core/base/rng.h"
#include "core/optim/adamw.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

Parameter parameter(const std::string& name, std::int64_t size, bool decay, at::ScalarType type, std::uint64_t seed) {
    Parameter result;
    result.name = name;
    result.decay = decay;
    result.value = at::empty({size}, at::TensorOptions().dtype(type));
    Rng rng(seed);
    for (std::int64_t i = 0; i < size; ++i)
        result.value[i] = rng.normal();
    result.grad = at::zeros_like(result.value);
    return result;
}

} // namespace

class TestAdamW : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void thousandStepsMatchTheDefinition_data() {
        QTest::addColumn<int>("type");
        QTest::addColumn<double>("tolerance");
        QTest::newRow("f64") << static_cast<int>(at::kDouble) << 1e-12;
        QTest::newRow("f32") << static_cast<int>(at::kFloat) << 2e-5;
    }
    void thousandStepsMatchTheDefinition() {
        QFETCH(int, type);
        QFETCH(double, tolerance);
        constexpr double kBeta1 = 0.9, kBeta2 = 0.98, kEpsilon = 1e-6, kDecay = 0.1, kClip = 0.7;
        Parameter first = parameter("first", 37, true, static_cast<at::ScalarType>(type), 1);
        Parameter second = parameter("second", 5, false, static_cast<at::ScalarType>(type), 2);
        AdamW optimizer({&first, &second}, {kBeta1, kBeta2, kEpsilon, kDecay});
        std::vector<double> value, m(42, 0.0), v(42, 0.0), gradient(42);
        for (const Parameter* p : {&first, &second})
            for (std::int64_t i = 0; i < p->value.numel(); ++i)
                value.push_back(p->value[i].item<double>());
        Rng rng(3);
        for (int step = 1; step <= 1000; ++step) {
            const double learningRate = 1e-2 * (1.0 - step / 1200.0);
            double squares = 0;
            for (int i = 0; i < 42; ++i) {
                Parameter& p = i < 37 ? first : second;
                const std::int64_t at = i < 37 ? i : i - 37;
                p.grad[at] = 0.2 * rng.normal() + 0.1 * std::sin(i);
                gradient[i] = p.grad[at].item<double>();
                squares += gradient[i] * gradient[i];
            }
            const StepResult result = optimizer.step(learningRate, kClip);
            QVERIFY(result.finite && std::abs(result.gradientNorm - std::sqrt(squares)) < 1e-9);
            const double coefficient = std::min(1.0, kClip / (std::sqrt(squares) + 1e-6));
            for (int i = 0; i < 42; ++i) {
                const double g = gradient[i] * coefficient;
                m[i] = kBeta1 * m[i] + (1 - kBeta1) * g;
                v[i] = kBeta2 * v[i] + (1 - kBeta2) * g * g;
                if (i < 37)
                    value[i] -= learningRate * kDecay * value[i];
                value[i] -= learningRate * (m[i] / (1 - std::pow(kBeta1, step))) /
                            (std::sqrt(v[i] / (1 - std::pow(kBeta2, step))) + kEpsilon);
            }
        }
        for (int i = 0; i < 42; ++i) {
            const double actual = (i < 37 ? first.value[i] : second.value[i - 37]).item<double>();
            QVERIFY2(std::abs(actual - value[i]) < tolerance * std::max(1.0, std::abs(value[i])),
                     qPrintable(QString("%1: %2 against %3").arg(i).arg(actual, 0, 'g', 12).arg(value[i], 0, 'g', 12)));
        }
        QCOMPARE(first.grad.abs().max().item<double>(), 0.0);
        QCOMPARE(optimizer.stepCount(), 1000);
    }

    void nonFiniteGradientChangesNothing_data() {
        QTest::addColumn<double>("bad");
        QTest::newRow("nan") << std::nan("");
        QTest::newRow("infinity") << static_cast<double>(INFINITY);
    }
    void nonFiniteGradientChangesNothing() {
        QFETCH(double, bad);
        Parameter p = parameter("p", 100000, true, at::kFloat, 4);
        AdamW optimizer({&p}, {});
        p.grad.fill_(0.5);
        optimizer.step(0.1, 1.0);
        const at::Tensor value = p.value.clone();
        std::vector<at::Tensor> state;
        for (auto& tensor : optimizer.state())
            state.push_back(tensor.tensor.clone());
        p.grad.fill_(0.5);
        p.grad[77777] = bad;
        const StepResult result = optimizer.step(0.1, 1.0);
        QVERIFY(!result.finite);
        QVERIFY(at::equal(p.value, value));
        for (std::size_t i = 0; i < state.size(); ++i)
            QVERIFY(at::equal(optimizer.state()[i].tensor, state[i]));
        QCOMPARE(optimizer.stepCount(), 1);
    }

    void restoredStateContinuesBitIdentically() {
        const auto run = [](bool interrupted) {
            Parameter p = parameter("p", 1000, true, at::kFloat, 5);
            auto optimizer = std::make_unique<AdamW>(std::vector<Parameter*>{&p}, AdamWOptions{});
            Rng rng(6);
            for (int step = 0; step < 20; ++step) {
                if (interrupted && step == 9) {
                    auto fresh = std::make_unique<AdamW>(std::vector<Parameter*>{&p}, AdamWOptions{});
                    auto from = optimizer->state(), to = fresh->state();
                    for (std::size_t i = 0; i < from.size(); ++i)
                        to[i].tensor.copy_(from[i].tensor);
                    fresh->setStepCount(optimizer->stepCount());
                    optimizer = std::move(fresh);
                }
                for (std::int64_t i = 0; i < 1000; ++i)
                    p.grad.data_ptr<float>()[i] = static_cast<float>(rng.normal());
                optimizer->step(1e-3, 1.0);
            }
            return p.value;
        };
        QVERIFY(at::equal(run(false), run(true)));
    }

    void settingsOutsideTheirRangeAreRefused() {
        const OptimizerKind& kind = builtinOptimizers().front();
        QVERIFY(kind.make({}, {{"weight_decay", 0.01}}).has_value());
        QVERIFY(!kind.make({}, {{"adam_beta1", 1.5}}));
        QVERIFY(!kind.make({}, {{"adam_epsilon", std::string("small")}}));
    }
};

ATTUNE_TEST(TestAdamW)
#include "tst_adamw.moc"
