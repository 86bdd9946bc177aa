// Decoding with caches against a forward without any, in float64.
#include <QtTest>

#include "core/nn/decoder.h"
#include "tests/nn/decoder_reference.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::test;

class TestDecoder : public QObject {
    Q_OBJECT

    // Prefill of a part, then token by token, against the whole at once, after every token.
    void compareSteps(CausalLm& model, std::size_t promptLength, std::size_t length, double tolerance) {
        const auto ids = someIds(length, 5);
        Decoder decoder(model);
        auto logits = decoder.prefill({{ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(promptLength)}});
        for (std::size_t n = promptLength;; ++n) {
            QVERIFY2(logits, logits ? "" : logits.error().message.c_str());
            const at::Tensor expected = wholeForward(model, {ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(n)});
            QVERIFY2(difference(*logits, expected) < tolerance,
                     QByteArray::number(static_cast<qulonglong>(n)) +
                         " tokens: " + QByteArray::number(difference(*logits, expected)));
            if (n == length)
                break;
            logits = decoder.step({ids[n]});
        }
    }

private Q_SLOTS:
    void cachedEqualsWhole_data() {
        QTest::addColumn<QByteArray>("name");
        for (const char* name : {"llama", "gpt2", "biases", "one kv head", "linear", "llama3", "yarn", "dynamic",
                                 "longrope", "plain relu"})
            QTest::newRow(name) << QByteArray(name);
    }
    void cachedEqualsWhole() {
        QFETCH(QByteArray, name);
        ModelConfig config = decoderShape();
        if (name == "gpt2") {
            config.norm = NormKind::LayerNorm, config.positions = PositionKind::Learned, config.gatedMlp = false;
            config.activation = Activation::GeluTanh, config.kvHeads = 4, config.tiedHead = true;
            config.qkvBias = config.attentionOutputBias = config.mlpBias = true;
        } else if (name == "biases") {
            config.qkvBias = config.attentionOutputBias = config.mlpBias = true;
            config.activation = Activation::GeluErf;
        } else if (name == "one kv head") {
            config.kvHeads = 1;
        } else if (name == "plain relu") {
            config.gatedMlp = false, config.activation = Activation::Relu;
        } else if (name != "llama") {
            config.rope.factor = 4, config.rope.originalContext = 12;
            config.rope.scaling = name == "linear"    ? RopeScaling::Linear
                                  : name == "llama3"  ? RopeScaling::Llama3
                                  : name == "yarn"    ? RopeScaling::Yarn
                                  : name == "dynamic" ? RopeScaling::Dynamic
                                                      : RopeScaling::LongRope;
            config.rope.shortFactor = {1, 1.1, 1.2, 1.3}, config.rope.longFactor = {2, 3, 4, 5};
        }
        compareSteps(*decoderModel(config, at::kDouble), 9, 24, 1e-9);
    }

    void longPromptIsCutIntoChunks() { // more rows than one chunk
        const auto model = decoderModel(decoderShape(), at::kDouble);
        compareSteps(*model, 600, 602, 1e-9);
    }

    void adaptersCountOnlyWhenEnabled() {
        const auto tuned = decoderModel(decoderShape(), at::kDouble, 0.2);
        compareSteps(*tuned, 7, 12, 1e-9);
        const auto ids = someIds(10, 1);
        Decoder decoder(*tuned);
        const at::Tensor with = *decoder.prefill({ids});
        tuned->setAdaptersEnabled(false);
        const at::Tensor without = *decoder.prefill({ids});
        QVERIFY(difference(with, without) > 1e-3);
        QVERIFY(difference(without, *Decoder(*decoderModel(decoderShape(), at::kDouble)).prefill({ids})) < 1e-12);
        compareSteps(*tuned, 7, 12, 1e-9);
    }

    void batchEqualsSingle() {
        const auto model = decoderModel(decoderShape(), at::kDouble);
        const std::vector<std::vector<std::int64_t>> prompts{someIds(3, 1), someIds(40, 2), someIds(1, 3),
                                                             someIds(17, 4)};
        Decoder all(*model);
        std::vector<std::unique_ptr<Decoder>> single;
        at::Tensor logits = *all.prefill(prompts);
        for (std::size_t i = 0; i < prompts.size(); ++i) {
            single.push_back(std::make_unique<Decoder>(*model));
            QVERIFY(difference(logits[static_cast<std::int64_t>(i)], (*single[i]->prefill({prompts[i]}))[0]) < 1e-10);
        }
        logits = *all.step({5, 6, 7, 8});
        for (std::size_t i = 0; i < 4; ++i)
            QVERIFY(difference(logits[static_cast<std::int64_t>(i)],
                               (*single[i]->step({5 + static_cast<std::int64_t>(i)}))[0]) < 1e-10);
        all.keep({1, 3});
        QCOMPARE(all.lengths(), (std::vector<std::int64_t>{41, 18}));
        logits = *all.step({9, 10});
        QVERIFY(difference(logits[0], (*single[1]->step({9}))[0]) < 1e-10);
        QVERIFY(difference(logits[1], (*single[3]->step({10}))[0]) < 1e-10);
    }

    // Prompts with a common beginning, which is computed once: the same as each alone, and every later step too.
    void aCommonBeginningChangesNothing_data() {
        QTest::addColumn<QByteArray>("name");
        for (const char* name : {"llama", "gpt2", "dynamic", "long"})
            QTest::newRow(name) << QByteArray(name);
    }
    void aCommonBeginningChangesNothing() {
        QFETCH(QByteArray, name);
        ModelConfig config = decoderShape();
        if (name == "gpt2") {
            config.norm = NormKind::LayerNorm, config.positions = PositionKind::Learned, config.gatedMlp = false;
            config.kvHeads = 4;
        } else if (name == "dynamic") {
            config.rope.factor = 4, config.rope.originalContext = 12, config.rope.scaling = RopeScaling::Dynamic;
        }
        const auto model = decoderModel(config, at::kDouble, 0.2);
        const auto common = someIds(name == "long" ? 555 : 37, 8);
        std::vector<std::vector<std::int64_t>> prompts;
        for (const std::size_t own : {1, 20, 90}) {
            prompts.push_back(common);
            const auto rest = someIds(own, own);
            prompts.back().insert(prompts.back().end(), rest.begin(), rest.end());
        }
        Decoder decoder(*model);
        at::Tensor logits = *decoder.prefill(prompts);
        for (std::int64_t token = 0; token < 3; ++token) {
            for (std::size_t i = 0; i < prompts.size(); ++i) {
                const at::Tensor expected = wholeForward(*model, prompts[i]);
                QVERIFY2(difference(logits[static_cast<std::int64_t>(i)], expected[0]) < 1e-9,
                         QByteArray::number(difference(logits[static_cast<std::int64_t>(i)], expected[0])));
                prompts[i].push_back(token + 2);
            }
            logits = *decoder.step({token + 2, token + 2, token + 2});
        }
    }

    void tooManyTokensAreRefused() {
        ModelConfig config = decoderShape();
        config.contextLength = 20;
        const auto model = decoderModel(config, at::kFloat);
        Decoder decoder(*model);
        QVERIFY(decoder.prefill({someIds(16, 1)}));
        QVERIFY(!decoder.steps({someIds(5, 2)}));  // past the context
        QVERIFY(!decoder.steps({{1, 2, 67}}));     // outside the vocabulary
        QVERIFY(!decoder.steps({std::vector<std::int64_t>{}}));
        QVERIFY(!decoder.steps({{1}, {2}}));
        QCOMPARE(decoder.lengths(), std::vector<std::int64_t>{16}); // and nothing was added
        QVERIFY(decoder.steps({someIds(4, 2)}));
    }

    void impossibleInputIsRefused() {
        ModelConfig config = decoderShape();
        config.contextLength = 8;
        const auto model = decoderModel(config, at::kFloat);
        Decoder decoder(*model);
        for (const auto& prompt : {std::vector<std::int64_t>{}, std::vector<std::int64_t>{67},
                                   std::vector<std::int64_t>{-1}, someIds(9, 1)}) {
            const auto result = decoder.prefill({prompt});
            QVERIFY(!result);
            QCOMPARE(result.error().code, ErrorCode::InvalidArgument);
        }
        QVERIFY(decoder.prefill({someIds(8, 1)}));
        QVERIFY(!decoder.step({1}));
    }
};

ATTUNE_TEST(TestDecoder)
#include "tst_decoder.moc"
