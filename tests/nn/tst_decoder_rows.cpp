// Decoding in every precision and with any number of rows at once: near float64, and equal to one row after the other.
#include <ATen/Parallel.h>
#include <QtTest>

#include "core/nn/decoder.h"
#include "tests/nn/decoder_reference.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::test;

class TestDecoderRows : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void floatAndBf16StayNear_data() {
        QTest::addColumn<double>("share");
        QTest::newRow("float") << 1e-5;
        QTest::newRow("bf16") << 0.05;
    }
    void floatAndBf16StayNear() {
        QFETCH(double, share);
        const at::ScalarType type = share < 1e-3 ? at::kFloat : at::kBFloat16;
        const auto exact = decoderModel(decoderShape(), at::kDouble, 0.1), rounded = decoderModel(decoderShape(), type, 0.1);
        const auto ids = someIds(40, 9);
        Decoder a(*exact), b(*rounded);
        at::Tensor expected = *a.prefill({ids}), found = *b.prefill({ids});
        QCOMPARE(found.scalar_type(), at::kFloat);
        for (int i = 0; i < 8; ++i) { // relative to the size of the logits
            const double size = expected.pow(2).mean().sqrt().item<double>();
            const double error = (expected - found.to(at::kDouble)).pow(2).mean().sqrt().item<double>();
            QVERIFY2(error < share * size, QByteArray::number(error / size));
            expected = *a.step({i}), found = *b.step({i});
        }
    }

    void eightBitsStayNear_data() {
        QTest::addColumn<int>("rows");
        QTest::newRow("one by one") << 1;
        QTest::newRow("seven at once") << 7;
    }
    void eightBitsStayNear() {
        QFETCH(int, rows);
        ModelConfig config = decoderShape();
        config.hiddenSize = 40, config.intermediateSize = 100; // not whole groups of 64
        const auto exact = decoderModel(config, at::kDouble, 0.1), rounded = decoderModel(config, at::kBFloat16, 0.1);
        std::vector<std::vector<std::int64_t>> prompts;
        for (int i = 0; i < rows; ++i)
            prompts.push_back(someIds(12 + static_cast<std::size_t>(i), static_cast<std::uint64_t>(i)));
        Decoder a(*exact), b(*rounded, DecodePrecision::EightBit);
        (void)*a.prefill(prompts), (void)*b.prefill(prompts);
        for (int i = 0; i < 6; ++i) {
            const std::vector<std::int64_t> next(static_cast<std::size_t>(rows), i);
            const at::Tensor expected = *a.step(next), found = *b.step(next);
            const double size = expected.pow(2).mean().sqrt().item<double>();
            const double error = (expected - found.to(at::kDouble)).pow(2).mean().sqrt().item<double>();
            QVERIFY2(error < 0.05 * size, QByteArray::number(error / size));
        }
    }

    // Side by side in lanes (5 to 64 rows), with sequences of different lengths.
    void manyRowsEqualOneByOne_data() {
        QTest::addColumn<int>("typeId");
        QTest::addColumn<int>("rows");
        for (const int rows : {5, 16, 17, 40, 64, 70}) {
            QTest::addRow("bf16 %d", rows) << static_cast<int>(at::kBFloat16) << rows;
            QTest::addRow("f32 %d", rows) << static_cast<int>(at::kFloat) << rows;
        }
    }
    void manyRowsEqualOneByOne() {
        QFETCH(int, typeId);
        QFETCH(int, rows);
        ModelConfig config = decoderShape();
        config.qkvBias = config.mlpBias = true;
        const auto model = decoderModel(config, static_cast<at::ScalarType>(typeId), 0.1);
        std::vector<std::vector<std::int64_t>> prompts;
        for (int i = 0; i < rows; ++i)
            prompts.push_back(someIds(3 + static_cast<std::size_t>(i * 7 % 23), static_cast<std::uint64_t>(i)));
        Decoder all(*model), single(*model);
        (void)*all.prefill(prompts);
        std::vector<std::int64_t> next;
        for (int i = 0; i < rows; ++i)
            next.push_back(i % 67);
        const at::Tensor together = *all.step(next);
        for (int i = 0; i < rows; i += 3) {
            (void)*single.prefill({prompts[static_cast<std::size_t>(i)]});
            const at::Tensor alone = *single.step({next[static_cast<std::size_t>(i)]});
            const double size = alone.pow(2).mean().sqrt().item<double>();
            // The order of sums differs, and bf16 rounds activations in between.
            const double bound = typeId == static_cast<int>(at::kFloat) ? 1e-5 : 0.04;
            QVERIFY2(difference(together[i], alone[0]) < bound * size,
                     QByteArray::number(i) + ": " + QByteArray::number(difference(together[i], alone[0]) / size));
        }
    }

    // Several tokens of a sequence in one pass give the numbers of one pass for each, to the last bit, and tokens taken back
    // leave no trace: what tokens are proposed for may not change an answer.
    void severalTokensEqualOneByOne_data() {
        QTest::addColumn<int>("typeId");
        QTest::addColumn<int>("precision");
        QTest::addColumn<int>("sequences");
        QTest::addColumn<int>("promptLength");
        const auto row = [](const char* name, at::ScalarType type, DecodePrecision precision) {
            for (const int sequences : {1, 2, 3})
                for (const int length : {5, 126, 250}) // pieces of attention are 128 keys long
                    QTest::addRow("%s, %d sequences, %d tokens", name, sequences, length)
                        << static_cast<int>(type) << static_cast<int>(precision) << sequences << length;
        };
        row("f64", at::kDouble, DecodePrecision::AsStored);
        row("f32", at::kFloat, DecodePrecision::AsStored);
        row("bf16", at::kBFloat16, DecodePrecision::AsStored);
        row("8 bits", at::kBFloat16, DecodePrecision::EightBit);
    }
    void severalTokensEqualOneByOne() {
        QFETCH(int, typeId);
        QFETCH(int, precision);
        QFETCH(int, sequences);
        QFETCH(int, promptLength);
        for (const bool odd : {false, true}) {
            ModelConfig config = decoderShape();
            if (odd) { // nothing is a whole number of vectors
                config.hiddenSize = 44, config.intermediateSize = 75, config.headDim = 20, config.heads = 6;
                config.qkvBias = config.mlpBias = true;
            }
            const auto model = decoderModel(config, static_cast<at::ScalarType>(typeId), odd ? 0.1 : 0);
            std::vector<std::vector<std::int64_t>> prompts;
            for (int i = 0; i < sequences; ++i)
                prompts.push_back(someIds(static_cast<std::size_t>(promptLength + i), static_cast<std::uint64_t>(i)));
            Decoder several(*model, static_cast<DecodePrecision>(precision)), single(*model, static_cast<DecodePrecision>(precision));
            QVERIFY(several.prefill(prompts) && single.prefill(prompts));
            Rng rng(3);
            for (int round = 0; round < 4; ++round) {
                std::vector<std::vector<std::int64_t>> tokens(prompts.size()), wrong;
                std::vector<std::int64_t> lengths = several.lengths();
                const auto most = static_cast<std::size_t>(several.mostTokensAtOnce() / sequences);
                QVERIFY(most >= 2);
                for (std::size_t i = 0; i < tokens.size(); ++i) // as many for all, so that single steps can follow
                    tokens[i] = someIds(round % 2 == 0 ? most : 2, rng.below(1000));
                wrong = tokens;
                for (auto& ids : wrong)
                    ids.back() = (ids.back() + 1) % 67;
                QVERIFY(several.steps(wrong)); // proposed, then taken back
                several.shorten(lengths);
                QCOMPARE(several.lengths(), lengths);
                const at::Tensor found = *several.steps(tokens);
                const auto each = static_cast<std::int64_t>(tokens[0].size());
                QCOMPARE(found.size(0), each * sequences);
                for (std::int64_t t = 0; t < each; ++t) {
                    std::vector<std::int64_t> next;
                    for (const auto& ids : tokens)
                        next.push_back(ids[static_cast<std::size_t>(t)]);
                    const at::Tensor expected = *single.step(next);
                    for (int i = 0; i < sequences; ++i)
                        QVERIFY2(at::equal(found[i * each + t], expected[i]),
                                 QByteArray::number(difference(found[i * each + t], expected[i])));
                }
                QCOMPARE(several.lengths(), single.lengths());
            }
        }
    }

    // Heads of other sizes and groups, adapters with odd ranks, biases; alone and side by side; one thread to many; in
    // every precision against float64.
    void unusualShapesStayNear_data() {
        QTest::addColumn<int>("headDim");
        QTest::addColumn<int>("group");
        QTest::addColumn<int>("rows");
        QTest::addColumn<int>("threads");
        for (const auto& [headDim, group] : {std::pair(64, 3), std::pair(80, 5), std::pair(20, 1), std::pair(96, 8)})
            for (const int rows : {1, 2, 3, 6, 20})
                QTest::addRow("head %d, group %d, %d rows", headDim, group, rows)
                    << headDim << group << rows << (rows == 1 ? 5 : rows == 3 ? 1 : 2);
    }
    void unusualShapesStayNear() {
        QFETCH(int, headDim);
        QFETCH(int, group);
        QFETCH(int, rows);
        QFETCH(int, threads);
        ModelConfig config = decoderShape();
        config.hiddenSize = 48, config.intermediateSize = 75, config.vocabularySize = 67;
        config.headDim = headDim, config.kvHeads = 2, config.heads = 2 * group;
        config.qkvBias = config.attentionOutputBias = config.mlpBias = true;
        const int before = at::get_num_threads();
        at::set_num_threads(threads);
        std::vector<std::vector<std::int64_t>> prompts;
        for (int i = 0; i < rows; ++i) {
            prompts.push_back(someIds(20, 4)); // a common beginning
            const auto rest = someIds(1 + static_cast<std::size_t>(i * 5 % 13), static_cast<std::uint64_t>(i));
            prompts.back().insert(prompts.back().end(), rest.begin(), rest.end());
        }
        struct Kind {
            at::ScalarType type;
            DecodePrecision precision;
            double bound;
        };
        const auto exact = decoderModel(config, at::kDouble, 0.05);
        for (const Kind kind : {Kind{at::kFloat, DecodePrecision::AsStored, 1e-4},
                                Kind{at::kBFloat16, DecodePrecision::AsStored, 0.08},
                                Kind{at::kBFloat16, DecodePrecision::EightBit, 0.1},
                                Kind{at::kFloat, DecodePrecision::EightBit, 0.08}}) {
            const auto model = decoderModel(config, kind.type, 0.05);
            Decoder reference(*exact), decoder(*model, kind.precision);
            at::Tensor expected = *reference.prefill(prompts), found = *decoder.prefill(prompts);
            for (int step = 0;; ++step) {
                const double error = (expected - found.to(at::kDouble)).pow(2).mean().sqrt().item<double>() /
                                     expected.pow(2).mean().sqrt().item<double>();
                QVERIFY2(error < kind.bound, QByteArray::number(step) + ": " + QByteArray::number(error));
                if (step == 3)
                    break;
                const std::vector<std::int64_t> next(static_cast<std::size_t>(rows), 7 * step + 1);
                expected = *reference.step(next), found = *decoder.step(next);
            }
        }
        at::set_num_threads(before);
    }
};

ATTUNE_TEST(TestDecoderRows)
#include "tst_decoder_rows.moc"
