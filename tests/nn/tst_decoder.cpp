// Decoding with caches against a forward without any, written here with plain ATen operations in float64.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <QtTest>
#include <cmath>

#include "core/base/rng.h"
#include "core/nn/decoder.h"
#include "core/nn/rope.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

ModelConfig tinyConfig() {
    ModelConfig config;
    config.vocabularySize = 67;
    config.hiddenSize = 32;
    config.layers = 2;
    config.heads = 4;
    config.kvHeads = 2;
    config.headDim = 8;
    config.intermediateSize = 48;
    config.contextLength = 700;
    return config;
}

std::unique_ptr<CausalLm> decoderModel(const ModelConfig& config, at::ScalarType type, double lora = 0) {
    auto model = CausalLm::create(config, {type, at::kCPU});
    if (!model)
        qFatal("%s", model.error().message.c_str());
    (*model)->initializeRandom(3);
    // Larger than at the start of training, so that attention and activations are far from linear.
    for (auto& named : (*model)->baseTensors())
        if (named.tensor.dim() == 2)
            named.tensor.mul_(8);
        else if (named.name.ends_with("bias"))
            named.tensor.copy_(at::linspace(-0.3, 0.3, named.tensor.size(0), at::kDouble));
    if (lora > 0) {
        std::int64_t rank = 1;
        for (Block& block : (*model)->blocks)
            for (Linear* linear : block.linears())
                for (LinearPart& part : linear->parts) {
                    rank = rank % 3 + 1;
                    part.lora = std::make_unique<LoraAdapter>();
                    const auto fill = [&](std::int64_t rows, std::int64_t columns) {
                        return (at::arange(rows * columns, at::kDouble) * 0.7)
                            .sin()
                            .view({rows, columns})
                            .mul(lora)
                            .to((*model)->masterType());
                    };
                    part.lora->a.value = fill(rank, linear->inFeatures());
                    part.lora->b.value = fill(part.rows, rank);
                    part.lora->scale = 1.5;
                }
        (*model)->prepareAdapters();
        (*model)->refreshComputeWeights();
    }
    return std::move(*model);
}

at::Tensor referenceNorm(const at::Tensor& x, const Norm& norm, const ModelConfig& config) {
    if (config.norm == NormKind::LayerNorm)
        return at::layer_norm(x, {config.hiddenSize}, norm.weight.compute, norm.bias.compute, config.normEpsilon);
    return x * (x.pow(2).mean(-1, true) + config.normEpsilon).rsqrt() * norm.weight.compute;
}

at::Tensor referenceLinear(const at::Tensor& x, const Linear& linear, bool adapters) {
    at::Tensor y = at::matmul(x, linear.weight.compute.t());
    if (linear.bias.defined())
        y = y + linear.bias.compute;
    std::vector<at::Tensor> columns;
    for (const LinearPart& part : linear.parts) {
        at::Tensor piece = y.narrow(1, part.begin, part.rows);
        if (part.lora && adapters)
            piece =
                piece + at::matmul(at::matmul(x, part.lora->a.value.t()), part.lora->b.value.t()) * part.lora->scale;
        columns.push_back(piece);
    }
    return at::cat(columns, 1);
}

at::Tensor rotate(const at::Tensor& x, const RopeFrequencies& frequencies) { // [n, heads, d]
    const std::int64_t n = x.size(0), half = x.size(2) / 2;
    const at::Tensor angles =
        at::outer(at::arange(n, at::kDouble), at::tensor(at::ArrayRef<double>(frequencies.inverse)));
    const at::Tensor cosines = (angles.cos() * frequencies.attentionScale).unsqueeze(1),
                     sines = (angles.sin() * frequencies.attentionScale).unsqueeze(1);
    const at::Tensor a = x.narrow(2, 0, half), b = x.narrow(2, half, half);
    return at::cat({a * cosines - b * sines, b * cosines + a * sines}, 2);
}

// Logits after the last token, the whole text at once.
at::Tensor reference(const CausalLm& model, std::vector<std::int64_t> ids) {
    const ModelConfig& config = model.config();
    const auto n = static_cast<std::int64_t>(ids.size());
    const bool adapters = model.adaptersEnabled();
    at::Tensor x = model.embedding.compute.index_select(0, at::from_blob(ids.data(), {n}, at::kLong));
    if (config.positions == PositionKind::Learned)
        x = x + model.positions.compute.narrow(0, 0, n);
    for (const Block& block : model.blocks) {
        const at::Tensor qkv = referenceLinear(referenceNorm(x, block.attentionNorm, config), block.qkv, adapters);
        at::Tensor q = qkv.narrow(1, 0, config.queryWidth()).reshape({n, config.heads, config.headDim});
        at::Tensor k =
            qkv.narrow(1, config.queryWidth(), config.kvWidth()).reshape({n, config.kvHeads, config.headDim});
        at::Tensor v = qkv.narrow(1, config.queryWidth() + config.kvWidth(), config.kvWidth())
                           .reshape({n, config.kvHeads, config.headDim});
        if (config.positions == PositionKind::Rope) {
            const RopeFrequencies frequencies = ropeFrequencies(config, n);
            q = rotate(q, frequencies), k = rotate(k, frequencies);
        }
        const std::int64_t group = config.heads / config.kvHeads;
        k = k.repeat_interleave(group, 1), v = v.repeat_interleave(group, 1);
        at::Tensor scores =
            at::matmul(q.transpose(0, 1), k.permute({1, 2, 0})) / std::sqrt(static_cast<double>(config.headDim));
        scores = scores.masked_fill(at::ones({n, n}, at::kBool).triu(1), -INFINITY);
        const at::Tensor mixed =
            at::matmul(at::softmax(scores, -1), v.transpose(0, 1)).transpose(0, 1).reshape({n, config.queryWidth()});
        x = x + referenceLinear(mixed, block.attentionOut, adapters);
        const at::Tensor gateUp = referenceLinear(referenceNorm(x, block.mlpNorm, config), block.gateUp, adapters);
        const auto act = [&](const at::Tensor& t) {
            if (config.activation == Activation::Silu)
                return t * at::sigmoid(t);
            if (config.activation == Activation::GeluTanh)
                return 0.5 * t * (1 + (std::sqrt(2 / M_PI) * (t + 0.044715 * t.pow(3))).tanh());
            return config.activation == Activation::Relu ? at::relu(t) : 0.5 * t * (1 + at::erf(t / std::sqrt(2.0)));
        };
        const std::int64_t width = config.intermediateSize;
        const at::Tensor hidden =
            config.gatedMlp ? act(gateUp.narrow(1, 0, width)) * gateUp.narrow(1, width, width) : act(gateUp);
        x = x + referenceLinear(hidden, block.down, adapters);
    }
    return at::matmul(referenceNorm(x, model.finalNorm, config).narrow(0, n - 1, 1), model.head.compute.t());
}

std::vector<std::int64_t> someIds(std::size_t count, std::uint64_t seed) {
    Rng rng(seed);
    std::vector<std::int64_t> ids;
    while (ids.size() < count)
        ids.push_back(static_cast<std::int64_t>(rng.below(67)));
    return ids;
}

double difference(const at::Tensor& a, const at::Tensor& b) {
    return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

} // namespace

class TestDecoder : public QObject {
    Q_OBJECT

    // Prefill of a part, then token by token, against the whole at once, after every token.
    void compareSteps(CausalLm& model, std::size_t promptLength, std::size_t length, double tolerance) {
        const auto ids = someIds(length, 5);
        Decoder decoder(model);
        auto logits = decoder.prefill({{ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(promptLength)}});
        for (std::size_t n = promptLength;; ++n) {
            QVERIFY2(logits, logits ? "" : logits.error().message.c_str());
            const at::Tensor expected = reference(model, {ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(n)});
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
        ModelConfig config = tinyConfig();
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
        const auto model = decoderModel(tinyConfig(), at::kDouble);
        compareSteps(*model, 600, 602, 1e-9);
    }

    void adaptersCountOnlyWhenEnabled() {
        const auto tuned = decoderModel(tinyConfig(), at::kDouble, 0.2);
        compareSteps(*tuned, 7, 12, 1e-9);
        const auto ids = someIds(10, 1);
        Decoder decoder(*tuned);
        const at::Tensor with = *decoder.prefill({ids});
        tuned->setAdaptersEnabled(false);
        const at::Tensor without = *decoder.prefill({ids});
        QVERIFY(difference(with, without) > 1e-3);
        QVERIFY(difference(without, *Decoder(*decoderModel(tinyConfig(), at::kDouble)).prefill({ids})) < 1e-12);
        compareSteps(*tuned, 7, 12, 1e-9);
    }

    void batchEqualsSingle() {
        const auto model = decoderModel(tinyConfig(), at::kDouble);
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

    void floatAndBf16StayNear_data() {
        QTest::addColumn<double>("share");
        QTest::newRow("float") << 1e-5;
        QTest::newRow("bf16") << 0.05;
    }
    void floatAndBf16StayNear() {
        QFETCH(double, share);
        const at::ScalarType type = share < 1e-3 ? at::kFloat : at::kBFloat16;
        const auto exact = decoderModel(tinyConfig(), at::kDouble, 0.1), rounded = decoderModel(tinyConfig(), type, 0.1);
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

    // Prompts with a common beginning, which is computed once: the same as each alone, and every later step too.
    void aCommonBeginningChangesNothing_data() {
        QTest::addColumn<QByteArray>("name");
        for (const char* name : {"llama", "gpt2", "dynamic", "long"})
            QTest::newRow(name) << QByteArray(name);
    }
    void aCommonBeginningChangesNothing() {
        QFETCH(QByteArray, name);
        ModelConfig config = tinyConfig();
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
                const at::Tensor expected = reference(*model, prompts[i]);
                QVERIFY2(difference(logits[static_cast<std::int64_t>(i)], expected[0]) < 1e-9,
                         QByteArray::number(difference(logits[static_cast<std::int64_t>(i)], expected[0])));
                prompts[i].push_back(token + 2);
            }
            logits = *decoder.step({token + 2, token + 2, token + 2});
        }
    }

    void eightBitsStayNear_data() {
        QTest::addColumn<int>("rows");
        QTest::newRow("one by one") << 1;
        QTest::newRow("seven at once") << 7;
    }
    void eightBitsStayNear() {
        QFETCH(int, rows);
        ModelConfig config = tinyConfig();
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
        ModelConfig config = tinyConfig();
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
            ModelConfig config = tinyConfig();
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

    void tooManyTokensAreRefused() {
        ModelConfig config = tinyConfig();
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
        ModelConfig config = tinyConfig();
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

    void impossibleInputIsRefused() {
        ModelConfig config = tinyConfig();
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
