// The 8-bit map against its definition, and AdamW over it against a double-precision step with a search over all codes.
#include <QtTest>

#include <algorithm>
#include <cmath>

#include "core/nn/kernels/dispatch.h"
#include "core/optim/adamw_8bit.h"
#include "core/optim/dynamic_map.h"
#include "tests/optim/random_parameter.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::test;

namespace {

// Distance of x to the nearest of all values, and to the value of `code`.
std::pair<double, double> distances(const DynamicMap& map, double x, int code) {
    double nearest = 1e300;
    for (const float value : map.values())
        nearest = std::min(nearest, std::abs(x - value));
    return {nearest, std::abs(x - map.values()[static_cast<std::size_t>(code)])};
}

} // namespace

class TestAdamW8 : public QObject {
    Q_OBJECT

    static std::vector<double> tensorOf(Optimizer& optimizer, const std::string& name) {
        for (const auto& entry : optimizer.state())
            if (entry.name == name)
                return doubles(entry.tensor);
        return {};
    }

private Q_SLOTS:
    void mapsHaveTheKnownValues() {
        // Counted by hand from the definition: decade i of the signed map has 2^i parts, of the unsigned one 2^(i + 1).
        const auto& withSign = DynamicMap::signedMap().values();
        const auto& without = DynamicMap::unsignedMap().values();
        QVERIFY(std::is_sorted(withSign.begin(), withSign.end()) && std::is_sorted(without.begin(), without.end()));
        const auto near = [](float value, double expected) { return std::abs(value - expected) <= 1e-6 * std::abs(expected); };
        QVERIFY(near(withSign[0], -0.99296875) && near(withSign[254], 0.99296875) && withSign[255] == 1.0f);
        QVERIFY(near(withSign[126], -5.5e-7) && withSign[127] == 0.0f && near(withSign[128], 5.5e-7));
        QVERIFY(near(withSign[129], 3.25e-6) && near(withSign[130], 7.75e-6));
        QVERIFY(without[0] == 0.0f && near(without[1], 3.25e-7) && near(without[2], 7.75e-7));
        QVERIFY(near(without[3], 2.125e-6) && near(without[254], 0.996484375) && without[255] == 1.0f);
    }

    // Every step starts from the optimizer's own stored state, so that a tie broken otherwise does not add up.
    void stepsMatchTheDefinition_data() {
        QTest::addColumn<int>("set");
        for (const auto set : {kernels::InstructionSet::Baseline, kernels::InstructionSet::Avx2, kernels::InstructionSet::Avx512})
            if (set <= kernels::bestInstructionSet())
                QTest::newRow(kernels::name(set)) << static_cast<int>(set);
    }
    void stepsMatchTheDefinition() {
        QFETCH(int, set);
        const auto& loops = kernels::optimizerTable<float>(static_cast<kernels::InstructionSet>(set));
        constexpr std::int64_t kSize = 256 * 20 + 77; // a part of a block at the end
        Parameter p = randomParameter("p", {kSize}, true, at::kFloat, 1);
        AdamW8 optimizer({&p}, {0.9, 0.98, 1e-8, 0.1});
        auto state = optimizer.state();
        QCOMPARE(state.size(), std::size_t{4});
        const DynamicMap &map = DynamicMap::signedMap(), &squareMap = DynamicMap::unsignedMap();
        Rng rng(2);
        std::int64_t checked = 0;
        for (int step = 1; step <= 12; ++step) {
            // Gradients over many orders of magnitude, zeros and whole blocks of zeros among them.
            fillNormal(p.grad, rng, 1.0);
            float* gradient = p.grad.data_ptr<float>();
            for (std::int64_t i = 0; i < kSize; ++i)
                gradient[i] *= i / 256 == 3 || rng.below(10) == 0 ? 0.0f : static_cast<float>(std::pow(10.0, -6.0 * rng.uniform()));
            const std::vector<double> value = doubles(p.value), g = doubles(p.grad);
            const std::vector<double> m8 = doubles(state[0].tensor), v8 = doubles(state[1].tensor),
                                      mMax = doubles(state[2].tensor), vMax = doubles(state[3].tensor);
            const double scale = 0.3, rate = 1e-2;
            const kernels::AdamWStep numbers{rate, 0.9, 0.98, 1e-8, 0.1, 1 - std::pow(0.9, step), 1 - std::pow(0.98, step), scale};
            loops.adamW8(p.value.data_ptr<float>(), gradient, state[0].tensor.data_ptr<std::uint8_t>(),
                         state[2].tensor.data_ptr<float>(), state[1].tensor.data_ptr<std::uint8_t>(),
                         state[3].tensor.data_ptr<float>(), map.tables(), squareMap.tables(), numbers, kSize);
            const std::vector<double> newValue = doubles(p.value), m8After = doubles(state[0].tensor),
                                      v8After = doubles(state[1].tensor), mMaxAfter = doubles(state[2].tensor),
                                      vMaxAfter = doubles(state[3].tensor);
            QCOMPARE(p.grad.abs().max().item<double>(), 0.0);
            for (std::size_t block = 0; block < mMax.size(); ++block) {
                const std::size_t begin = block * 256, end = std::min<std::size_t>(begin + 256, kSize);
                std::vector<double> m, v;
                for (std::size_t i = begin; i < end; ++i) {
                    m.push_back(0.9 * map.values()[static_cast<std::size_t>(m8[i])] * mMax[block] + 0.1 * g[i] * scale);
                    v.push_back(0.98 * squareMap.values()[static_cast<std::size_t>(v8[i])] * vMax[block] +
                                0.02 * g[i] * scale * g[i] * scale);
                    const double expected = value[i] * (1 - rate * 0.1) -
                                            rate * m.back() / numbers.correction1 /
                                                (std::sqrt(v.back() / numbers.correction2) + 1e-8);
                    QVERIFY2(std::abs(newValue[i] - expected) < 2e-6 * std::max(1.0, std::abs(expected)),
                             qPrintable(QString("step %1, %2: %3, not %4").arg(step).arg(i).arg(newValue[i]).arg(expected)));
                }
                double mLargest = 0, vLargest = 0;
                for (std::size_t i = 0; i < m.size(); ++i)
                    mLargest = std::max(mLargest, std::abs(m[i])), vLargest = std::max(vLargest, v[i]);
                QVERIFY(std::abs(mMaxAfter[block] - mLargest) <= 1e-5 * mLargest);
                QVERIFY(std::abs(vMaxAfter[block] - vLargest) <= 1e-5 * vLargest);
                for (std::size_t i = 0; i < m.size() && mLargest > 0; ++i) {
                    const auto [best, got] = distances(map, m[i] / mLargest, static_cast<int>(m8After[begin + i]));
                    QVERIFY2(got <= best + 2e-6, qPrintable(QString("m %1").arg(m[i] / mLargest)));
                    const int square = static_cast<int>(v8After[begin + i]);
                    const auto [bestSquare, gotSquare] = distances(squareMap, v[i] / vLargest, square);
                    const bool lifted = square == 1 && v[i] / vLargest < 1.7e-7;
                    QVERIFY2(lifted || gotSquare <= bestSquare + 2e-6, qPrintable(QString("v %1").arg(v[i] / vLargest)));
                    QVERIFY(square > 0 || v[i] == 0); // what has moved is never forgotten
                    ++checked;
                }
            }
        }
        QVERIFY(checked > 12 * 256 * 19);
    }

    void smallTensorsStayExact() {
        Parameter p8 = randomParameter("p", {4095}, true, at::kFloat, 3), p = randomParameter("p", {4095}, true, at::kFloat, 3);
        AdamW8 eight({&p8}, {});
        AdamW plain({&p}, {});
        Rng rng(4);
        for (int step = 0; step < 5; ++step) {
            fillNormal(p.grad, rng, 1.0);
            p8.grad.copy_(p.grad);
            eight.step(1e-2, 1.0), plain.step(1e-2, 1.0);
        }
        QVERIFY(at::equal(p8.value, p.value));
        QCOMPARE(eight.state().size(), std::size_t{2});
    }

    // A weight whose neighbours have far larger gradients, and which then gets none: its step must stay bounded.
    void rarelyTrainedWeightsDoNotExplode() {
        Parameter p = randomParameter("p", {4096}, true, at::kFloat, 5);
        const at::Tensor before = p.value.clone();
        AdamW8 optimizer({&p}, {});
        for (int step = 0; step < 50; ++step) {
            p.grad.fill_(step == 0 ? 1e-5 : 0.0);
            p.grad.narrow(0, 0, 2048).fill_(step % 2 ? 1.0 : -1.0);
            for (std::int64_t i = 0; i < 4096; i += 256)
                p.grad[i] = 1.0; // every block has one large gradient
            optimizer.step(1e-3, 0.0);
        }
        const double moved = (p.value - before).abs().max().item<double>();
        QVERIFY2(moved < 50 * 1e-3 * 4, qPrintable(QString::number(moved)));
    }

    void overflowingSquaresStayInsideTheTables() {
        Parameter p = randomParameter("p", {8192}, true, at::kFloat, 6);
        AdamW8 optimizer({&p}, {});
        for (const double gradient : {1e25, 1e-30, 0.0}) {
            p.grad.fill_(gradient);
            QVERIFY(optimizer.step(1e-3, 0.0).finite);
        }
        QCOMPARE(tensorOf(optimizer, "p.exp_avg").size(), std::size_t{8192});
    }

    void followsAdamWClosely() {
        Parameter p8 = randomParameter("p", {64, 100}, true, at::kFloat, 7), p = randomParameter("p", {64, 100}, true, at::kFloat, 7);
        const at::Tensor wanted = randomParameter("w", {64, 100}, true, at::kFloat, 8).value;
        const double before = (p.value - wanted).square().mean().item<double>();
        AdamW8 eight({&p8}, {});
        AdamW plain({&p}, {});
        Rng rng(9);
        at::Tensor noise = at::empty({64, 100});
        for (int step = 0; step < 300; ++step) {
            fillNormal(noise, rng, 0.3);
            p.grad.copy_(p.value - wanted + noise);
            p8.grad.copy_(p8.value - wanted + noise);
            const double rate = 2e-2 * (1 - step / 300.0);
            plain.step(rate, 0.0), eight.step(rate, 0.0);
        }
        const double error = (p.value - wanted).square().mean().item<double>(),
                     error8 = (p8.value - wanted).square().mean().item<double>();
        // Of what AdamW takes off the error, one percent is lost.
        QVERIFY2(error < 0.05 * before && error8 - error < 0.01 * before,
                 qPrintable(QString("%1 -> %2 against %3").arg(before).arg(error8).arg(error)));
    }
};

ATTUNE_TEST(TestAdamW8)
#include "tst_adamw_8bit.moc"
