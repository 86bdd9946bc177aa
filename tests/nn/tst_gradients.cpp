// Every gradient of the hand-written backward against central finite differences in f64.
#include <QtTest>

#include "tests/nn/tiny_model.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::test;

class TestGradients : public QObject {
    Q_OBJECT

    static double loss(TrainingPass& pass, const PackedTokens& batch, const ForwardOptions& options,
                       const at::Tensor& weights) {
        ForwardOptions evaluation = options;
        evaluation.keepForBackward = false;
        require(pass.forward(batch, evaluation));
        return -(pass.targetLogProbs().value() * weights).sum().item<double>();
    }

    // Along random directions, which every element takes part in, and for single elements.
    static void compare(CausalLm& model, const PackedTokens& batch, const ForwardOptions& options) {
        Rng rng(11);
        TrainingPass pass(model);
        at::Tensor weights = at::empty({targetCount(batch)}, at::kDouble);
        fillNormal(weights, rng, 0.5, 1.0);
        require(pass.forward(batch, options));
        const at::Tensor logProbs = pass.targetLogProbsWithGradient(weights).value().clone();
        require(pass.backward());
        QVERIFY(std::abs(-(logProbs * weights).sum().item<double>() - loss(pass, batch, options, weights)) < 1e-9);
        QVERIFY(!model.trainable().empty());
        for (Parameter* parameter : model.trainable()) {
            for (int trial = 0; trial < 4; ++trial) {
                at::Tensor direction = at::zeros_like(parameter->value);
                if (trial < 2)
                    fillNormal(direction, rng, 1.0);
                else
                    direction.view(
                        {-1})[static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(direction.numel())))] =
                        1.0;
                const at::Tensor before = parameter->value.clone();
                const auto lossAt = [&](double distance) {
                    parameter->value.copy_(before + distance * direction);
                    model.refreshComputeWeights();
                    return loss(pass, batch, options, weights);
                };
                constexpr double kStep = 1e-4; // the fourth-order formula: its error is below 1e-9 here
                const double numeric =
                    (8 * (lossAt(kStep) - lossAt(-kStep)) - (lossAt(2 * kStep) - lossAt(-2 * kStep))) / (12 * kStep);
                lossAt(0);
                const double exact = (parameter->grad * direction).sum().item<double>();
                // Rounding of the loss sets the floor for directions along which almost nothing changes.
                const double tolerance = 1e-5 * std::max(std::abs(numeric), 1e-3);
                QVERIFY2(std::abs(numeric - exact) <= tolerance,
                         qPrintable(QString("%1 trial %2: %3 by differences, %4 by backward")
                                        .arg(QString::fromStdString(parameter->name))
                                        .arg(trial)
                                        .arg(numeric, 0, 'g', 12)
                                        .arg(exact, 0, 'g', 12)));
            }
        }
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
