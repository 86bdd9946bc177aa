// Every gradient of the hand-written backward against central finite differences in f64.
#include <QtTest>

#include "tests/nn/gradient_check.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::test;

class TestGradients : public QObject {
    Q_OBJECT

    static void compare(CausalLm& model, const PackedTokens& batch, const ForwardOptions& options) {
        const QString difference = gradientDifference(model, batch, options);
        QVERIFY2(difference.isEmpty(), qPrintable(difference));
    }

    static void shapes() {
        QTest::addColumn<bool>("gpt2");
        QTest::addColumn<bool>("tied");
        QTest::newRow("llama untied") << false << false;
        QTest::newRow("llama tied") << false << true;
        QTest::newRow("gpt2 untied") << true << false;
        QTest::newRow("gpt2 tied") << true << true;
    }
    static ModelConfig shape() {
        QFETCH(bool, gpt2);
        QFETCH(bool, tied);
        return gpt2 ? gpt2Shape(tied) : llamaShape(tied);
    }

private Q_SLOTS:
    void fullMatchesFiniteDifferences_data() { shapes(); }
    void fullMatchesFiniteDifferences() {
        const ModelConfig config = shape();
        auto model = makeModel(config, at::kDouble);
        model->trainAllWeights();
        compare(*model, makeBatch(config, {7, 1, 12, 5}), {});
    }

    void loraMatchesFiniteDifferences_data() { shapes(); }
    void loraMatchesFiniteDifferences() {
        const ModelConfig config = shape();
        auto model = makeModel(config, at::kDouble);
        addAdapters(*model, 3, 1.7, 0.0);
        compare(*model, makeBatch(config, {9, 16}), {});
    }

    void loraWithDropoutMatchesFiniteDifferences_data() { shapes(); }
    void loraWithDropoutMatchesFiniteDifferences() {
        const ModelConfig config = shape();
        auto model = makeModel(config, at::kDouble);
        addAdapters(*model, 3, 1.7, 0.3);
        ForwardOptions options;
        options.dropoutSeed = 5, options.step = 9, options.microBatch = 2;
        compare(*model, makeBatch(config, {9, 16}), options);
    }

    void adaptersOnSomeLayersOnly_data() {
        QTest::addColumn<QStringList>("targets");
        QTest::newRow("down") << QStringList{"1.mlp.down_proj"};
        QTest::newRow("up of the upper layer") << QStringList{"1.mlp.up_proj"};
        QTest::newRow("o and k") << QStringList{"o_proj", "k_proj"};
        QTest::newRow("q and v of the first") << QStringList{"0.self_attn.q_proj", "0.self_attn.v_proj"};
    }
    void adaptersOnSomeLayersOnly() {
        QFETCH(QStringList, targets);
        std::vector<std::string> names;
        for (const QString& name : targets)
            names.push_back(name.toStdString());
        const ModelConfig config = llamaShape(true);
        auto model = makeModel(config, at::kDouble);
        addAdapters(*model, 4, 0.5, 0.0, names);
        compare(*model, makeBatch(config, {11, 3}), {});
    }

    void otherActivationsMatchFiniteDifferences_data() {
        QTest::addColumn<int>("activation");
        QTest::newRow("gelu erf") << static_cast<int>(Activation::GeluErf);
        QTest::newRow("gelu tanh") << static_cast<int>(Activation::GeluTanh);
    }
    void otherActivationsMatchFiniteDifferences() {
        QFETCH(int, activation);
        ModelConfig config = llamaShape(false);
        config.activation = static_cast<Activation>(activation);
        auto model = makeModel(config, at::kDouble);
        model->trainAllWeights();
        compare(*model, makeBatch(config, {8, 6}), {});
    }

    // Rows long enough for several query blocks, one of them split over workers.
    void longRowsMatchFiniteDifferences() {
        ModelConfig config = llamaShape(true);
        config.contextLength = 512;
        auto model = makeModel(config, at::kDouble);
        addAdapters(*model, 2, 1.0, 0.0, {"k_proj", "q_proj", "v_proj"});
        compare(*model, makeBatch(config, {300, 70}), {});
    }
};

ATTUNE_TEST(TestGradients)
#include "tst_gradients.moc"
