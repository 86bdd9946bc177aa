// Every fused operation against its plain ATen reference, and every instruction set this computer has against the
// baseline.
#include <QtTest>

#include "core/nn/kernels/attention.h"
#include "core/nn/kernels/dispatch.h"
#include "core/nn/kernels/low_rank.h"
#include "core/nn/kernels/matmul.h"
#include "core/nn/kernels/ops.h"
#include "core/nn/kernels/reference_ops.h"
#include "tests/nn/tiny_model.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::kernels;
using namespace attune::test;

namespace {

at::Tensor normal(at::IntArrayRef shape, at::ScalarType type, std::uint64_t seed, double deviation = 1.0) {
    at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(type));
    Rng rng(seed);
    fillNormal(tensor, rng, deviation);
    return tensor;
}

double worst(const at::Tensor& a, const at::Tensor& b) {
    const at::Tensor x = a.to(at::kDouble), y = b.to(at::kDouble);
    return ((x - y).abs() / (y.abs() + 1.0)).max().item<double>();
}

at::ScalarType arithmetic(at::ScalarType type) {
    return type == at::kDouble ? at::kDouble : at::kFloat;
}

// bf16 may differ by one rounding of the result.
double tolerance(at::ScalarType type) {
    return type == at::kDouble ? 1e-12 : type == at::kFloat ? 3e-6 : 9e-3;
}

} // namespace

class TestKernels : public QObject {
    Q_OBJECT

    static void types() {
        QTest::addColumn<int>("typeId");
        QTest::newRow("f32") << static_cast<int>(at::kFloat);
        QTest::newRow("f64") << static_cast<int>(at::kDouble);
        QTest::newRow("bf16") << static_cast<int>(at::kBFloat16);
    }
    static at::ScalarType type() {
        QFETCH(int, typeId);
        return static_cast<at::ScalarType>(typeId);
    }

private Q_SLOTS:
    void normsMatchReference_data() { types(); }
    void normsMatchReference() {
        const at::ScalarType t = type(), a = arithmetic(t);
        for (const NormKind kind : {NormKind::RmsNorm, NormKind::LayerNorm}) {
            const bool layer = kind == NormKind::LayerNorm;
            const NormArguments norm{kind, 1e-5, normal({37}, a, 1), layer ? normal({37}, a, 2) : at::Tensor()};
            const at::Tensor x = normal({19, 37}, a, 3), dy = normal({19, 50}, t, 4).narrow(1, 0, 37);
            at::Tensor y[2], statistics[2], dx[2], dWeight[2], dBias[2];
            for (const int i : {0, 1}) {
                y[i] = at::zeros({19, 50}, t).narrow(1, 0, 37);
                statistics[i] = at::zeros({2, 19}, a), dx[i] = at::ones({19, 37}, a);
                dWeight[i] = at::ones({37}, a), dBias[i] = layer ? at::ones({37}, a) : at::Tensor();
            }
            normForward(norm, x, y[0], statistics[0]);
            reference::normForward(norm, x, y[1], statistics[1]);
            normBackward(norm, dy, x, statistics[0], dx[0]);
            reference::normBackward(norm, dy, x, statistics[1], dx[1]);
            normParameterGradients(norm, dy, x, statistics[0], dWeight[0], dBias[0]);
            reference::normParameterGradients(norm, dy, x, statistics[1], dWeight[1], dBias[1]);
            QVERIFY(worst(y[0], y[1]) < tolerance(t));
            QVERIFY(worst(dx[0], dx[1]) < tolerance(a));
            QVERIFY(worst(dWeight[0], dWeight[1]) < 2 * tolerance(a));
            if (layer)
                QVERIFY(worst(dBias[0], dBias[1]) < 2 * tolerance(a));
        }
    }

    void activationsMatchReference_data() { types(); }
    void activationsMatchReference() {
        const at::ScalarType t = type();
        for (const Activation activation :
             {Activation::Silu, Activation::GeluTanh, Activation::GeluErf, Activation::Relu})
            for (const bool gated : {true, false}) {
                const at::Tensor dy = normal({11, 45}, t, 1).narrow(1, 0, 33);
                at::Tensor gateUp[2], y[2];
                for (const int i : {0, 1}) {
                    gateUp[i] = normal({11, gated ? 66 : 33}, t, 2, 3.0);
                    y[i] = at::zeros({11, 40}, t).narrow(1, 0, 33);
                }
                activationForward(activation, gated, gateUp[0], y[0]);
                reference::activationForward(activation, gated, gateUp[1], y[1]);
                QVERIFY(worst(y[0], y[1]) < tolerance(t));
                activationBackward(activation, gated, gateUp[0], y[0], dy);
                reference::activationBackward(activation, gated, gateUp[1], y[1], dy);
                QVERIFY(worst(y[0], y[1]) < tolerance(t));
                QVERIFY(worst(gateUp[0], gateUp[1]) < tolerance(t));
            }
    }

    void headsAndRotationMatchReference_data() { types(); }
    void headsAndRotationMatchReference() {
        const at::ScalarType t = type(), a = arithmetic(t);
        for (const bool rotated : {true, false}) {
            Rotation rotation;
            if (rotated)
                rotation = {normal({9, 4}, a, 1), normal({9, 4}, a, 2), at::randint(0, 9, {13}, at::kInt)};
            const at::Tensor qkv = normal({13, 80}, t, 3), dq = normal({2, 13, 3, 8}, t, 4);
            const at::Tensor dk = normal({2, 13, 8}, a, 5), dv = normal({2, 13, 8}, a, 6);
            at::Tensor q[2], k[2], v[2], back[2];
            for (const int i : {0, 1}) {
                q[i] = at::zeros({2, 13, 3, 8}, t), k[i] = at::zeros({2, 13, 8}, t), v[i] = at::zeros({2, 13, 8}, t);
                back[i] = at::zeros({13, 80}, t);
            }
            splitHeads(qkv, rotation, 0.3, q[0], k[0], v[0]);
            reference::splitHeads(qkv, rotation, 0.3, q[1], k[1], v[1]);
            mergeHeads(dq, dk, dv, rotation, 0.3, back[0]);
            reference::mergeHeads(dq, dk, dv, rotation, 0.3, back[1]);
            QVERIFY(worst(q[0], q[1]) < tolerance(t));
            QVERIFY(worst(k[0], k[1]) < tolerance(t));
            QVERIFY(worst(v[0], v[1]) < tolerance(t));
            QVERIFY(worst(back[0], back[1]) < tolerance(t));
        }
    }

    void attentionMatchesReference_data() { types(); }
    void attentionMatchesReference() {
        const at::ScalarType t = type(), a = arithmetic(t);
        // Dimensions with and without a path of their own, groups of odd size, rows longer than a stretch of keys.
        for (const auto& [group, dim] : std::vector<std::pair<std::int64_t, std::int64_t>>{
                 {1, 16}, {3, 16}, {3, 64}, {1, 80}, {8, 32}, {5, 24}}) {
            const AttentionLayout layout{{0, 130, 131, 420, 450}, 480, 2, group, dim};
            const at::Tensor q = normal({2, 480, group, dim}, t, 1, 1.6 / static_cast<double>(dim)),
                             k = normal({2, 480, dim}, t, 2), v = normal({2, 480, dim}, t, 3);
            const std::int64_t width = 2 * dim * group;
            const at::Tensor dO = normal({480, width + 5}, t, 4).narrow(1, 0, width);
            at::Tensor o[2], lse[2], dq[2], dk[2], dv[2];
            for (const int i : {0, 1}) {
                o[i] = at::zeros({480, width + 7}, t).narrow(1, 0, width);
                lse[i] = at::zeros({2, 480, group}, a);
                dq[i] = at::full({2, 480, group, dim}, 9.0, t), dk[i] = at::full({2, 480, dim}, 9.0, a),
                dv[i] = at::full({2, 480, dim}, 9.0, a);
            }
            AttentionScratch scratch;
            attentionForward(layout, q, k, v, o[0], lse[0], scratch);
            reference::attentionForward(layout, q, k, v, o[1], lse[1]);
            QVERIFY2(worst(o[0], o[1]) < 2 * tolerance(t), qPrintable(QString::number(worst(o[0], o[1]))));
            QVERIFY(worst(lse[0], lse[1]) < tolerance(t));
            attentionBackward(layout, q, k, v, o[1], dO, lse[1], dq[0], dk[0], dv[0], scratch);
            reference::attentionBackward(layout, q, k, v, o[1], dO, lse[1], dq[1], dk[1], dv[1]);
            QVERIFY2(worst(dq[0], dq[1]) < 6 * tolerance(t), qPrintable(QString::number(worst(dq[0], dq[1]))));
            QVERIFY2(worst(dk[0], dk[1]) < 6 * tolerance(t), qPrintable(QString::number(worst(dk[0], dk[1]))));
            QVERIFY2(worst(dv[0], dv[1]) < 6 * tolerance(t), qPrintable(QString::number(worst(dv[0], dv[1]))));
        }
    }

    void sharedPrefixMatchesReference_data() { types(); }
    void sharedPrefixMatchesReference() {
        const at::ScalarType t = type(), a = arithmetic(t);
        for (const std::int64_t dim : {24, 64}) {
            AttentionLayout layout{{0, 301, 310, 375}, 384, 2, 3, dim};
            layout.firstRowIsPrefix = true;
            const at::Tensor q = normal({2, 384, 3, dim}, t, 1, 1.6 / static_cast<double>(dim)),
                             k = normal({2, 384, dim}, t, 2), v = normal({2, 384, dim}, t, 3);
            at::Tensor o[2], lse[2];
            for (const int i : {0, 1})
                o[i] = at::zeros({384, 6 * dim}, t), lse[i] = at::zeros({2, 384, 3}, a);
            AttentionScratch scratch;
            attentionForward(layout, q, k, v, o[0], lse[0], scratch);
            reference::attentionForward(layout, q, k, v, o[1], lse[1]);
            QVERIFY2(worst(o[0], o[1]) < 2 * tolerance(t), qPrintable(QString::number(worst(o[0], o[1]))));
            QVERIFY(worst(lse[0], lse[1]) < tolerance(t));
        }
    }

    void productsMatchF64_data() { types(); }
    void productsMatchF64() {
        const at::ScalarType t = type(), a = arithmetic(t);
        const at::Tensor x = normal({33, 70}, t, 1).narrow(1, 0, 48), w = normal({40, 60}, t, 2).narrow(1, 0, 48),
                         bias = normal({40}, t, 3);
        const at::Tensor exact = at::mm(x.to(at::kDouble), w.to(at::kDouble).t());
        at::Tensor y = normal({33, 41}, t, 4).narrow(1, 0, 40);
        multiply(y, x, w.t());
        QVERIFY(worst(y, exact) < tolerance(t));
        multiply(y, x, w.t(), false, bias);
        QVERIFY(worst(y, exact + bias.to(at::kDouble)) < tolerance(t));
        at::Tensor sum = normal({33, 40}, a, 5);
        const at::Tensor before = sum.to(at::kDouble).clone();
        multiply(sum, x, w.t(), true, bias);
        QVERIFY(worst(sum, before + exact + bias.to(at::kDouble)) < tolerance(t));
        at::Tensor added = at::zeros({33, 40}, a);
        multiplyAdd(added, x, w.t(), sum, bias);
        QVERIFY(worst(added, sum.to(at::kDouble) + exact + bias.to(at::kDouble)) < tolerance(t));
        multiplyAdd(added, x, w.t(), sum);
        QVERIFY(worst(added, sum.to(at::kDouble) + exact) < tolerance(t));
        at::Tensor gradient = at::zeros({48, 40}, a); // both operands transposed views
        multiply(gradient, x.t(), y.contiguous(), true);
        QVERIFY(worst(gradient, at::mm(x.to(at::kDouble).t(), y.to(at::kDouble))) < 3 * tolerance(a));
    }

    void lowRankProductsMatchF64_data() { types(); }
    void lowRankProductsMatchF64() {
        const at::ScalarType t = type();
        const double bound = (t == at::kFloat ? 8 : 2) * tolerance(t); // sums of 576 terms in f32
        for (const std::int64_t rank : {1, 3, 8, 16, 17, 48, 64, 70})
            for (const std::int64_t k : {33, 576}) {
                const at::Tensor x = normal({37, k + 5}, t, 1).narrow(1, 0, k), a = normal({rank, k}, t, 2),
                                 z = normal({37, rank + 3}, t, 3).narrow(1, 0, rank), around = z.clone();
                const at::Tensor dx = normal({37, k + 9}, t, 4);
                const at::Tensor before = dx.to(at::kDouble).clone(), a64 = a.to(at::kDouble);
                lowRankDown(x, a, z);
                QVERIFY(worst(z, at::mm(x.to(at::kDouble), a64.t())) < bound);
                z.copy_(around);
                lowRankUpAdd(z, a, dx.narrow(1, 0, k));
                const at::Tensor expected = before.narrow(1, 0, k) + at::mm(z.to(at::kDouble), a64);
                QVERIFY2(worst(dx.narrow(1, 0, k), expected) < bound,
                         qPrintable(QString("rank %1, k %2").arg(rank).arg(k)));
                QVERIFY(at::equal(dx.narrow(1, k, 9).to(at::kDouble), before.narrow(1, k, 9))); // nothing beside
            }
    }

    void lowRankGradientsMatchF64_data() { types(); }
    void lowRankGradientsMatchF64() {
        const at::ScalarType t = type(), a = arithmetic(t);
        for (const std::int64_t rank : {4, 16, 48, 70})
            for (const std::int64_t columns : {33, 80, 192})
                for (const std::int64_t tokens : {7, 301}) {
                    const at::Tensor z = normal({tokens, rank + 5}, t, 1).narrow(1, 3, rank),
                                     y = normal({tokens, columns + 7}, t, 2).narrow(1, 0, columns);
                    const at::Tensor exact = at::mm(z.to(at::kDouble).t(), y.to(at::kDouble));
                    for (const bool transposed : {false, true}) {
                        at::Tensor sum = transposed ? normal({columns, rank}, a, 3) : normal({rank, columns}, a, 3);
                        const at::Tensor expected = sum.to(at::kDouble) + (transposed ? exact.t() : exact);
                        lowRankGradient(z, y, sum, transposed);
                        QVERIFY2(worst(sum, expected) < 5 * tolerance(a),
                                 qPrintable(QString("rank %1, columns %2, tokens %3").arg(rank).arg(columns).arg(tokens)));
                    }
                }
    }

    void lossMatchesReference_data() { types(); }
    void lossMatchesReference() {
        const at::ScalarType t = type(), a = arithmetic(t);
        const at::Tensor targets = at::randint(0, 1000, {7}, at::kLong), weights = normal({7}, a, 1);
        at::Tensor z[2], lse[2], logP[2], facts[2];
        for (const int i : {0, 1}) {
            z[i] = normal({9, 1000}, t, 2, 4.0), lse[i] = at::zeros({9}, a), logP[i] = at::zeros({7}, a), facts[i] = at::zeros({8, 4}, a);
            z[i][3][targets[3].item<std::int64_t>()] = 20; // the likeliest here
        }
        targetLogProbabilities(z[0], targets, 7, lse[0], logP[0]);
        const at::Tensor without = logP[0].clone();
        targetLogProbabilities(z[0], targets, 7, lse[0], logP[0], facts[0]);
        reference::targetLogProbabilities(z[1], targets, 7, lse[1], logP[1], facts[1]);
        QVERIFY(worst(logP[0], logP[1]) < tolerance(a) && worst(logP[0], without) < tolerance(a));
        QVERIFY(worst(facts[0], facts[1]) < 10 * tolerance(a)); // sums of 1,000
        QVERIFY(facts[0][3][0].item<double>() == 1 && facts[0].narrow(1, 0, 1).sum().item<double>() < 7 && facts[0][7].abs().sum().item<double>() == 0);
        crossEntropyGradient(z[0], targets, 7, lse[0], weights);
        reference::crossEntropyGradient(z[1], targets, 7, lse[1], weights);
        QVERIFY(worst(z[0], z[1]) < tolerance(t));
        QCOMPARE(z[0].narrow(0, 7, 2).abs().max().to(at::kFloat).item<float>(), 0.0f);
    }

    void embeddingDropoutAndSumsMatchReference_data() { types(); }
    void embeddingDropoutAndSumsMatchReference() {
        const at::ScalarType t = type(), a = arithmetic(t);
        const at::Tensor ids = at::randint(0, 20, {29}, at::kLong), positions = at::randint(0, 10, {29}, at::kLong);
        const at::Tensor table = normal({20, 37}, t, 1), positionTable = normal({10, 37}, t, 2),
                         dx = normal({32, 37}, a, 3);
        at::Tensor x[2], gradient[2], sums[2], kept[2];
        for (const int i : {0, 1}) {
            x[i] = at::ones({32, 37}, a), gradient[i] = at::zeros({20, 37}, a), sums[i] = at::ones({37}, a);
            kept[i] = at::ones({20, 40}, t).narrow(1, 0, 37);
        }
        embed(ids, table, positions, positionTable, x[0]);
        reference::embed(ids, table, positions, positionTable, x[1]);
        QVERIFY(worst(x[0], x[1]) < tolerance(a));
        addRowsAt(ids, dx, gradient[0]);
        reference::addRowsAt(ids, dx, gradient[1]);
        QVERIFY(worst(gradient[0], gradient[1]) < tolerance(a));
        addColumnSums(table, sums[0]);
        reference::addColumnSums(table, sums[1]);
        QVERIFY(worst(sums[0], sums[1]) < 2 * tolerance(a));
        for (const bool accumulate : {false, true}) {
            dropout(table, kept[0], accumulate, 0.4, 17, 23);
            reference::dropout(table, kept[1], accumulate, 0.4, 17, 23);
            QVERIFY(worst(kept[0], kept[1]) < tolerance(t));
        }
        const double share = (kept[0] == 0).to(at::kFloat).mean().item<double>();
        QVERIFY(share > 0.3 && share < 0.5);
    }

    // The same rows through each build of the loops: what differs is only the order of sums.
    void instructionSetsAgree() {
        constexpr std::int64_t kRows = 5, kWidth = 75;
        const at::Tensor x = normal({kRows, kWidth}, at::kFloat, 1), weight = normal({kWidth}, at::kFloat, 2);
        const at::Tensor gate = normal({kRows, 2 * kWidth}, at::kBFloat16, 3, 5.0);
        at::Tensor firstNorm, firstActivation;
        float firstSum = 0;
        for (const InstructionSet set : {InstructionSet::Baseline, InstructionSet::Avx2, InstructionSet::Avx512}) {
            if (set > bestInstructionSet()) {
                qInfo("this computer does not run %s", name(set));
                continue;
            }
            at::Tensor y = at::empty({kRows, kWidth}, at::kBFloat16), rstd = at::empty({kRows}),
                       act = at::empty_like(y);
            kernelTable<Bf16>(set).rmsNorm(x.data_ptr<float>(), weight.data_ptr<float>(), 1e-5f, dataOf<Bf16>(y),
                                           kWidth, rstd.data_ptr<float>(), kRows, kWidth);
            kernelTable<Bf16>(set).activation(ActivationCode::Silu, true, dataOf<Bf16>(gate), dataOf<Bf16>(act), kWidth,
                                              kRows, kWidth);
            float facts[4];
            const float sum = kernelTable<Bf16>(set).logSumExp(dataOf<Bf16>(gate), 2 * kWidth, facts);
            QCOMPARE(kernelTable<Bf16>(set).logSumExp(dataOf<Bf16>(gate), 2 * kWidth, nullptr), sum);
            const at::Tensor z = gate[0].to(at::kDouble), p = z.softmax(0);
            QVERIFY(std::abs(facts[0] - z.max().item<double>()) < 1e-6);
            QVERIFY(std::abs(facts[1] + (p * p.log()).sum().item<double>()) < 1e-4);
            QVERIFY(std::abs(facts[2] - z.mean().item<double>()) < 1e-5);
            QVERIFY(std::abs(facts[3] - (p * p).sum().log().item<double>()) < 1e-4);
            if (set == InstructionSet::Baseline) {
                firstNorm = y, firstActivation = act, firstSum = sum;
                QVERIFY(std::abs(sum - at::logsumexp(gate[0].to(at::kDouble), {0}).item<double>()) < 1e-5);
            }
            QVERIFY(worst(y, firstNorm) < 8e-3);
            QVERIFY(worst(act, firstActivation) < 8e-3);
            QVERIFY(std::abs(sum - firstSum) < 1e-5f);
        }
    }

    // NaN and infinity must reach the gradient norm, not turn into numbers on the way.
    void notANumberSurvivesRounding() {
        const at::Tensor x = at::tensor({NAN, INFINITY, -INFINITY, 1.0f});
        at::Tensor y = at::empty({4}, at::kBFloat16);
        narrowTo(x, y);
        const at::Tensor back = y.to(at::kFloat);
        QVERIFY(std::isnan(back[0].item<float>()));
        QCOMPARE(back[1].item<float>(), INFINITY);
        QCOMPARE(back[2].item<float>(), -INFINITY);
        QCOMPARE(back[3].item<float>(), 1.0f);
    }
};

ATTUNE_TEST(TestKernels)
#include "tst_kernels.moc"
