// Operations that only some families need, against their plain ATen references.
#include <QtTest>

#include "core/nn/kernels/attention.h"
#include "core/nn/kernels/ops.h"
#include "core/nn/kernels/qk_norm.h"
#include "core/nn/kernels/reference_ops.h"
#include "tests/nn/tiny_model.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::kernels;
using namespace attune::test;

namespace {

at::Tensor randomTensor(at::IntArrayRef shape, at::ScalarType type, std::uint64_t seed, double deviation = 1.0) {
    at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(type));
    Rng rng(seed);
    fillNormal(tensor, rng, deviation);
    return tensor;
}

double relativeDifference(const at::Tensor& a, const at::Tensor& b) {
    const at::Tensor x = a.to(at::kDouble), y = b.to(at::kDouble);
    return ((x - y).abs() / (y.abs() + 1.0)).max().item<double>();
}

at::ScalarType realTypeOf(at::ScalarType type) { return type == at::kDouble ? at::kDouble : at::kFloat; }

// bf16 may differ by one rounding of the result.
double roundingBound(at::ScalarType type) { return type == at::kDouble ? 1e-12 : type == at::kFloat ? 3e-6 : 9e-3; }

} // namespace

class TestFamilyKernels : public QObject {
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
    void qkNormMatchesReference_data() { types(); }
    void qkNormMatchesReference() {
        const at::ScalarType t = type(), a = realTypeOf(t);
        for (const QkNormColumns& columns : {QkNormColumns{0, 6, 8}, QkNormColumns{48, 2, 24}, QkNormColumns{16, 1, 72}}) {
            const at::Tensor weight = randomTensor({columns.width}, a, 1, 0.3) + 1;
            const std::int64_t all = columns.segments * columns.width;
            at::Tensor products[2], raw[2], rstd[2], gradient[2], dWeight[2];
            for (const int i : {0, 1}) {
                products[i] = randomTensor({37, 100}, t, 2), gradient[i] = randomTensor({37, 100}, t, 3);
                raw[i] = at::empty({37, all}, products[i].options()), rstd[i] = at::empty({37, columns.segments}, weight.options());
                dWeight[i] = at::ones({columns.width}, weight.options());
            }
            qkNormForward(columns, weight, 1e-5, products[0], raw[0], rstd[0]);
            reference::qkNormForward(columns, weight, 1e-5, products[1], raw[1], rstd[1]);
            QVERIFY(at::equal(raw[0], raw[1]));
            QVERIFY(relativeDifference(products[0], products[1]) < roundingBound(t) && relativeDifference(rstd[0], rstd[1]) < roundingBound(a));
            QVERIFY(at::equal(products[0].narrow(1, 0, columns.begin), randomTensor({37, 100}, t, 2).narrow(1, 0, columns.begin)));
            qkNormBackward(columns, weight, raw[1], rstd[1], gradient[0], dWeight[0]);
            reference::qkNormBackward(columns, weight, raw[1], rstd[1], gradient[1], dWeight[1]);
            QVERIFY(relativeDifference(gradient[0], gradient[1]) < 2 * roundingBound(t));
            QVERIFY(relativeDifference(dWeight[0], dWeight[1]) < 10 * roundingBound(a));
        }
    }

    void softCapsMatchReference_data() { types(); }
    void softCapsMatchReference() {
        const at::ScalarType t = type(), a = realTypeOf(t);
        const at::Tensor wide = randomTensor({33, 75}, t, 1, 20.0);
        at::Tensor x[2] = {wide.clone(), wide.clone()};
        softCap(x[0], 30.0);
        reference::softCap(x[1], 30.0);
        QVERIFY(relativeDifference(x[0], x[1]) < roundingBound(t));
        QVERIFY(x[0].abs().max().item<double>() <= 30.0);

        const at::Tensor targets = (at::arange(20, at::kLong) * 7).remainder(75), weights = randomTensor({20}, a, 2);
        const at::Tensor sums = at::logsumexp(x[1].narrow(0, 0, 20).to(a), {1});
        x[0].copy_(x[1]);
        crossEntropyGradient(x[0], targets, 20, sums, weights, 30.0);
        reference::crossEntropyGradient(x[1], targets, 20, sums, weights, 30.0);
        QVERIFY(relativeDifference(x[0], x[1]) < roundingBound(t));
        QVERIFY(x[0].narrow(0, 20, 13).abs().max().item<double>() == 0.0);
    }

    // Rows longer than a stretch of keys, windows shorter and longer than one, prefixes shared by rows.
    void windowsAndCapsMatchReference_data() { types(); }
    void windowsAndCapsMatchReference() {
        const at::ScalarType t = type(), a = realTypeOf(t);
        for (const std::int64_t window : {0, 1, 7, 100, 290, 5000})
            for (const double cap : {0.0, 3.0}) {
                AttentionLayout layout{{0, 130, 131, 420, 1020, 1040}, 1056, 2, 3, 16};
                layout.window = window, layout.softCap = cap;
                const at::Tensor q = randomTensor({2, 1056, 3, 16}, t, 1, 0.4), k = randomTensor({2, 1056, 16}, t, 2),
                                 v = randomTensor({2, 1056, 16}, t, 3), dO = randomTensor({1056, 96}, t, 4);
                at::Tensor o[2], lse[2], dq[2], dk[2], dv[2];
                for (const int i : {0, 1}) {
                    o[i] = at::zeros({1056, 96}, t), lse[i] = at::zeros({2, 1056, 3}, a);
                    dq[i] = at::full({2, 1056, 3, 16}, 9.0, t), dk[i] = at::full({2, 1056, 16}, 9.0, a);
                    dv[i] = at::full({2, 1056, 16}, 9.0, a);
                }
                AttentionScratch scratch;
                attentionForward(layout, q, k, v, o[0], lse[0], scratch);
                reference::attentionForward(layout, q, k, v, o[1], lse[1]);
                QVERIFY2(relativeDifference(o[0], o[1]) < 2 * roundingBound(t), qPrintable(QString::number(relativeDifference(o[0], o[1]))));
                QVERIFY(relativeDifference(lse[0], lse[1]) < roundingBound(t));
                attentionBackward(layout, q, k, v, o[1], dO, lse[1], dq[0], dk[0], dv[0], scratch);
                reference::attentionBackward(layout, q, k, v, o[1], dO, lse[1], dq[1], dk[1], dv[1]);
                QVERIFY2(relativeDifference(dq[0], dq[1]) < 8 * roundingBound(t), qPrintable(QString::number(relativeDifference(dq[0], dq[1]))));
                QVERIFY2(relativeDifference(dk[0], dk[1]) < 8 * roundingBound(t), qPrintable(QString::number(relativeDifference(dk[0], dk[1]))));
                QVERIFY2(relativeDifference(dv[0], dv[1]) < 8 * roundingBound(t), qPrintable(QString::number(relativeDifference(dv[0], dv[1]))));

                layout.firstRowIsPrefix = true;
                attentionForward(layout, q, k, v, o[0], lse[0], scratch);
                reference::attentionForward(layout, q, k, v, o[1], lse[1]);
                QVERIFY2(relativeDifference(o[0], o[1]) < 2 * roundingBound(t), qPrintable(QString::number(relativeDifference(o[0], o[1]))));
            }
    }

    void rowsAreNarrowedIntoStrides_data() { types(); }
    void rowsAreNarrowedIntoStrides() {
        const at::ScalarType t = type();
        const at::Tensor x = randomTensor({9, 40}, realTypeOf(t), 1), y = at::full({9, 50}, 7.0, t);
        narrowRows(x, y.narrow(1, 0, 40), 0.5);
        QVERIFY(relativeDifference(y.narrow(1, 0, 40), x * 0.5) < roundingBound(t));
        QVERIFY(at::equal(y.narrow(1, 40, 10), at::full({9, 10}, 7.0, t)));
    }
};

ATTUNE_TEST(TestFamilyKernels)
#include "tst_family_kernels.moc"
