// A trained prompt: vectors that are the embeddings of tokens act as those tokens in front of every row, in training and in
// decoding; gradients by finite differences.
#include <QtTest>

#include "core/methods/method.h"
#include "core/nn/decoder.h"
#include "tests/nn/tiny_model.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::test;

namespace {

// The rows with these tokens in front.
PackedTokens inFront(const PackedTokens& batch, const std::vector<std::int64_t>& tokens) {
    PackedTokens result;
    result.rowStarts.push_back(0);
    for (std::size_t row = 0; row + 1 < batch.rowStarts.size(); ++row) {
        for (const std::int64_t id : tokens)
            result.ids.push_back(id), result.targets.push_back(-100);
        for (auto t = static_cast<std::size_t>(batch.rowStarts[row]); t < static_cast<std::size_t>(batch.rowStarts[row + 1]); ++t)
            result.ids.push_back(batch.ids[t]), result.targets.push_back(batch.targets[t]);
        result.rowStarts.push_back(static_cast<std::int32_t>(result.ids.size()));
    }
    return result;
}

at::Tensor evaluated(CausalLm& model, const PackedTokens& batch) {
    TrainingPass pass(model);
    ForwardOptions options;
    options.keepForBackward = options.training = false;
    require(pass.forward(batch, options));
    return pass.targetLogProbs().value().clone();
}

template <class T>
T good(Result<T> result) {
    if (!result)
        throw std::runtime_error(result.error().message);
    return std::move(*result);
}

// The prompt is the text whose tokens these are.
void attachText(CausalLm& model, const std::vector<std::int64_t>& ids, std::int64_t tokens) {
    require(findMethod("prompt_tuning")
                ->attachWithText(model, {{"num_virtual_tokens", tokens}, {"init", std::string("text")}, {"init_text", std::string("a text")}}, 1,
                                 [&](const std::string&) -> Result<std::vector<std::int64_t>> { return ids; }));
}

} // namespace

class TestPromptTuning : public QObject {
    Q_OBJECT

    static void models() {
        QTest::addColumn<bool>("gpt2");
        QTest::newRow("llama") << false;
        QTest::newRow("gpt2") << true;
    }
    static ModelConfig shape() {
        QFETCH(bool, gpt2);
        return gpt2 ? gpt2Shape(true) : llamaShape(false);
    }

private Q_SLOTS:
    void embeddingsOfTokensActAsTheTokens_data() { models(); }
    void embeddingsOfTokensActAsTheTokens() {
        auto model = makeModel(shape(), at::kDouble), plain = makeModel(shape(), at::kDouble);
        attachText(*model, {7, 3, 40}, 5); // repeated to 7 3 40 7 3
        const PackedTokens batch = makeBatch(shape(), {11, 1, 20});
        const PackedTokens longer = inFront(batch, {7, 3, 40, 7, 3});
        QVERIFY(at::allclose(evaluated(*model, batch), evaluated(*plain, longer), 1e-12, 1e-12));
        model->setAdaptersEnabled(false);
        QVERIFY(at::equal(evaluated(*model, batch), evaluated(*plain, batch)));
    }

    void decodingSeesThePrompt_data() { models(); }
    void decodingSeesThePrompt() {
        for (const std::size_t tokens : {std::size_t{3}, std::size_t{18}}) { // 18: read once for all prompts
            auto model = makeModel(shape(), at::kDouble), plain = makeModel(shape(), at::kDouble);
            std::vector<std::int64_t> front;
            for (std::size_t i = 0; i < tokens; ++i)
                front.push_back(static_cast<std::int64_t>(5 + 2 * i));
            attachText(*model, front, static_cast<std::int64_t>(tokens));
            std::vector<std::vector<std::int64_t>> prompts{{1, 2, 3}, {9}, {4, 4, 4, 4}}, longer;
            for (const auto& prompt : prompts) {
                longer.push_back(front);
                longer.back().insert(longer.back().end(), prompt.begin(), prompt.end());
            }
            Decoder a(*model), b(*plain);
            QVERIFY(at::allclose(good(a.prefill(prompts)), good(b.prefill(longer)), 1e-11, 1e-11));
            for (int step = 0; step < 3; ++step)
                QVERIFY(at::allclose(good(a.step({5, 6, 7})), good(b.step({5, 6, 7})), 1e-11, 1e-11));
            QCOMPARE(a.lengths(), b.lengths());
            const std::vector<std::int64_t> tooLong(static_cast<std::size_t>(shape().contextLength) - tokens + 1, 2);
            QVERIFY(!a.prefill({tooLong}));
        }
    }

    void gradientsMatchFiniteDifferences_data() { models(); }
    void gradientsMatchFiniteDifferences() {
        auto model = makeModel(shape(), at::kDouble);
        require(findMethod("prompt_tuning")->attach(*model, {{"num_virtual_tokens", std::int64_t{4}}, {"init", std::string("random")}}, 1));
        const PackedTokens batch = makeBatch(shape(), {9, 16});
        TrainingPass pass(*model);
        require(pass.forward(batch, {}));
        QVERIFY(pass.targetLogProbsWithGradient(at::ones({targetCount(batch)}, at::kDouble)));
        require(pass.backward());
        QCOMPARE(model->trainable().size(), std::size_t{1});
        Parameter& prompt = *model->trainable()[0];
        const at::Tensor before = prompt.value.clone();
        Rng rng(9);
        for (int trial = 0; trial < 6; ++trial) {
            const at::Tensor direction = at::zeros_like(prompt.value);
            fillNormal(direction, rng, 1.0);
            const auto lossAt = [&](double distance) {
                prompt.value.copy_(before + distance * direction);
                return -evaluated(*model, batch).sum().item<double>();
            };
            constexpr double kStep = 1e-4;
            const double numeric = (8 * (lossAt(kStep) - lossAt(-kStep)) - (lossAt(2 * kStep) - lossAt(-2 * kStep))) / (12 * kStep);
            const double exact = (prompt.grad * direction).sum().item<double>();
            QVERIFY2(std::abs(numeric - exact) <= 1e-6 * std::max(std::abs(numeric), 1e-3), qPrintable(QString("%1 %2").arg(numeric).arg(exact)));
        }
        QVERIFY(std::abs(before.std().item<double>() - 1.0) < 0.2);
    }

    void badSettingsAreRefused() {
        auto model = makeModel(llamaShape(true), at::kFloat);
        const Method& method = *findMethod("prompt_tuning");
        QVERIFY(!method.attach(*model, {{"num_virtual_tokens", std::int64_t{64}}}, 1)); // the whole context
        QVERIFY(!method.attach(*model, {{"init", std::string("text")}, {"init_text", std::string("x")}}, 1));
        const auto empty = method.attachWithText(*model, {{"init", std::string("text")}}, 1,
                                                 [](const std::string&) -> Result<std::vector<std::int64_t>> { return std::vector<std::int64_t>{}; });
        QVERIFY(!empty && empty.error().message.find("init_text") != std::string::npos);
        QVERIFY(!model->prompt);
        PackedTokens batch = makeBatch(llamaShape(true), {5});
        batch.ids[2] = virtualToken(0); // no virtual tokens without a prompt
        TrainingPass pass(*model);
        QVERIFY(!pass.forward(batch, {}));
    }
};

ATTUNE_TEST(TestPromptTuning)
#include "tst_prompt_tuning.moc"
