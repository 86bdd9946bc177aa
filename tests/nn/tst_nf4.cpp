// 4-bit weights against numbers of an independent implementation (tests/golden/nf4.py, nf4.json), the published reference
// vector, and every instruction set of this computer against the baseline.
#include <QtTest>

#include "core/base/json.h"
#include "core/nn/kernels/dispatch.h"
#include "core/nn/nf4.h"
#include "tests/nn/tiny_model.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::test;

namespace {

QByteArray bytesOf(const at::Tensor& tensor) {
    return {static_cast<const char*>(tensor.data_ptr()), static_cast<qsizetype>(tensor.nbytes())};
}

// The numbers of nf4.py; block 5 is zero.
at::Tensor goldenInput(std::int64_t rows, std::int64_t columns) {
    at::Tensor x = at::empty({rows, columns}, at::kFloat);
    std::uint64_t state = 12345;
    for (std::int64_t i = 0; i < x.numel(); ++i) {
        state = (1103515245 * state + 12345) % (1ull << 31);
        const double value =
            (static_cast<double>(state) / 2147483648.0 - 0.5) * 0.1 * (1.0 + static_cast<double>(i / 64 % 17) / 8.0);
        x.data_ptr<float>()[i] = i / 64 == 5 ? 0.0f : static_cast<float>(value);
    }
    return x;
}

std::string fnv1a(const QByteArray& bytes) {
    std::uint64_t hash = 14695981039346656037ull;
    for (const char byte : bytes)
        hash = (hash ^ static_cast<std::uint8_t>(byte)) * 1099511628211ull;
    return QByteArray::number(static_cast<qulonglong>(hash), 16).rightJustified(16, '0').toStdString();
}

std::vector<kernels::InstructionSet> instructionSets() {
    using kernels::InstructionSet;
    std::vector<InstructionSet> sets{InstructionSet::Baseline};
    const InstructionSet best = kernels::bestInstructionSet();
    if (best != InstructionSet::Baseline)
        sets.push_back(InstructionSet::Avx2);
    if (best == InstructionSet::Avx512)
        sets.push_back(best);
    return sets;
}

} // namespace

class TestNf4 : public QObject {
    Q_OBJECT
private Q_SLOTS:
    // The reference vector of the field: A[i] = 0.05 sin(0.7 i).
    void publishedVectorIsBitEqual() {
        at::Tensor a = at::empty({2, 64}, at::kFloat);
        for (int i = 0; i < 128; ++i)
            a.data_ptr<float>()[i] = static_cast<float>(0.05 * std::sin(0.7 * i));
        const Nf4Matrix matrix = quantizeNf4(a, false);
        QCOMPARE(bytesOf(matrix.codes).toHex(),
                 QByteArray("7effb30017efeb30017efeb30028efea30028efea30028efea30028efea30028efea30029efea20029efe920029efe920"
                            "029efe920029efe92002aefe92003ae"));
        QVERIFY(std::abs(matrix.absmax.data_ptr<float>()[0] - 0.0498778708f) < 1e-9f);
        QVERIFY(std::abs(matrix.absmax.data_ptr<float>()[1] - 0.0499998257f) < 1e-9f);
        const at::Tensor back = at::empty({2, 64}, at::kFloat);
        dequantizeNf4(matrix, 0, back);
        const at::Tensor error = (back - a).to(at::kDouble);
        QVERIFY(std::abs(error.pow(2).mean().item<double>() - 6.85135e-06) < 1e-10);
        QVERIFY(std::abs(error.abs().max().item<double>() - 0.0067174) < 1e-6);
    }

    void doubleQuantisationMatchesTheIndependentNumbers() {
        const Json golden = readJsonFile(fs::path(ATTUNE_SOURCE_DIR) / "tests/golden/nf4.json").value();
        const at::Tensor x = goldenInput(golden["rows"], golden["columns"]);
        const Nf4Matrix plain = quantizeNf4(x, false), matrix = quantizeNf4(x);
        const QByteArray packed = bytesOf(matrix.codes);
        QCOMPARE(packed.first(64).toHex().toStdString(), golden["packed_begin"].get<std::string>());
        QCOMPARE(packed.last(32).toHex().toStdString(), golden["packed_end"].get<std::string>());
        QCOMPARE(fnv1a(packed), golden["packed_fnv1a"].get<std::string>());
        QCOMPARE(bytesOf(plain.codes), packed);
        const std::int64_t blocks = plain.absmax.numel();
        for (std::int64_t i = 0; i < 12; ++i)
            QCOMPARE(plain.absmax.data_ptr<float>()[i < 8 ? i : blocks - 12 + i],
                     golden["absmax"][static_cast<std::size_t>(i)].get<float>());
        QCOMPARE(matrix.nestedOffset, golden["offset"].get<float>());
        QCOMPARE(bytesOf(matrix.absmax).toHex().toStdString(), golden["nested_codes"].get<std::string>());
        for (std::int64_t i = 0; i < matrix.nestedAbsmax.numel(); ++i)
            QCOMPARE(matrix.nestedAbsmax.data_ptr<float>()[i],
                     golden["nested_absmax"][static_cast<std::size_t>(i)].get<float>());
        for (std::int64_t i = 0; i < 256; ++i) // up to the last bit, which linspace does not promise
            QVERIFY(std::abs(dynamicMap().data_ptr<float>()[i] - golden["nested_map"][static_cast<std::size_t>(i)].get<float>()) <
                    2e-7f * std::abs(golden["nested_map"][static_cast<std::size_t>(i)].get<float>()) + 1e-30f);
        const at::Tensor back = at::empty_like(x);
        dequantizeNf4(matrix, 0, back);
        for (std::int64_t i = 0; i < 16; ++i) {
            const auto index = static_cast<std::size_t>(i);
            QVERIFY(std::abs(back.data_ptr<float>()[i] - golden["values_begin"][index].get<float>()) < 1e-8f);
            QVERIFY(std::abs(back.data_ptr<float>()[x.numel() - 16 + i] - golden["values_end"][index].get<float>()) < 1e-8f);
        }
        const double error = (back - x).to(at::kDouble).pow(2).mean().item<double>();
        QVERIFY(std::abs(error / golden["mean_square_error"].get<double>() - 1) < 1e-5);
        QVERIFY(matrix.bytes() * 8 < x.numel() * 4.2);
    }

    void instructionSetsAgreeToTheBit() {
        const at::Tensor x = goldenInput(37, 130).view({-1});
        const std::int64_t n = x.numel();
        at::Tensor codes, absmax;
        std::vector<QByteArray> first;
        for (const kernels::InstructionSet set : instructionSets()) {
            const kernels::Nf4Table& table = kernels::nf4Table(set);
            codes = at::zeros({(n + 1) / 2}, at::kByte), absmax = at::zeros({(n + 63) / 64}, at::kFloat);
            table.quantize(x.data_ptr<float>(), codes.data_ptr<std::uint8_t>(), absmax.data_ptr<float>(), n);
            std::vector<QByteArray> found{bytesOf(codes), bytesOf(absmax)};
            // Starts inside a block, at an odd element, at a block; ends in each as well.
            for (const auto& [begin, end] : {std::pair<std::int64_t, std::int64_t>{0, n}, {3, 700}, {64, 129}, {130, 260}, {77, 80}}) {
                const at::Tensor f = at::empty({end - begin}, at::kFloat), d = f.to(at::kDouble), b = f.to(at::kBFloat16);
                const float* scales = absmax.data_ptr<float>() + begin / 64;
                table.dequantizeFloat(codes.data_ptr<std::uint8_t>(), scales, f.data_ptr<float>(), begin, end);
                table.dequantizeDouble(codes.data_ptr<std::uint8_t>(), scales, d.data_ptr<double>(), begin, end);
                table.dequantizeBf16(codes.data_ptr<std::uint8_t>(), scales, static_cast<kernels::Bf16*>(b.data_ptr()), begin, end);
                QVERIFY(at::equal(f.to(at::kDouble), d) && at::equal(f.to(at::kBFloat16), b)); // one rounding
                found.push_back(bytesOf(f)), found.push_back(bytesOf(b));
                QVERIFY((f - x.narrow(0, begin, end - begin)).abs().max().item<float>() < 0.25f * absmax.max().item<float>());
            }
            if (first.empty())
                first = found;
            QVERIFY2(found == first, kernels::name(set));
        }
    }

    void rowsCanBeUnpackedIntoStridedMemory() {
        for (const std::int64_t columns : {128, 48, 33}) {
            const at::Tensor x = goldenInput(10, columns);
            const Nf4Matrix matrix = quantizeNf4(x);
            const at::Tensor whole = at::empty_like(x), wide = at::full({4, columns + 7}, 9.0, at::kFloat);
            dequantizeNf4(matrix, 0, whole);
            dequantizeNf4(matrix, 5, wide.narrow(1, 0, columns));
            QVERIFY(at::equal(wide.narrow(1, 0, columns), whole.narrow(0, 5, 4)));
            QVERIFY(at::equal(wide.narrow(1, columns, 7), at::full({4, 7}, 9.0, at::kFloat)));
        }
    }
};

ATTUNE_TEST(TestNf4)
#include "tst_nf4.moc"
