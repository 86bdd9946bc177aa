// The mixture of experts: routing against its definition, gradients of the whole network and of the load balancing loss by
// finite differences, decoding in every precision, and no work for experts that nobody is sent to.
#include <QtTest>

#include "core/nn/decoder.h"
#include "core/nn/kernels/experts.h"
#include "tests/nn/gradient_check.h"
#include "tests/nn/mixture_shape.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::test;

namespace {

// Routers that decide clearly: finite differences and other precisions must not change anybody's experts.
std::unique_ptr<CausalLm> mixtureModel(const ModelConfig& config, at::ScalarType type, std::uint64_t seed = 1) {
    auto model = makeModel(config, type, seed);
    Rng rng(77);
    for (Block& block : model->blocks)
        fillNormal(block.router.weight.compute, rng, 0.8);
    return model;
}

// The load balancing loss as transformers defines it, from the probabilities and choices of all blocks one after the other.
double balanceOf(CausalLm& model, const std::vector<at::Tensor>& logits) {
    const ModelConfig& config = model.config();
    const at::Tensor all = at::softmax(at::cat(logits), 1);
    const at::Tensor chosen = std::get<1>(all.topk(config.expertsPerToken, 1));
    const at::Tensor mask = at::one_hot(chosen, config.experts).to(at::kDouble); // [N, k, E]
    return (mask.mean(0) * all.mean(0).unsqueeze(0)).sum().item<double>() * static_cast<double>(config.experts);
}

at::Tensor normed(const at::Tensor& x, const Norm& norm, double epsilon) {
    return x * (x.pow(2).mean(-1, true) + epsilon).rsqrt() * norm.weight.compute;
}

// The router's logits of every block, by plain operations on the passes' own residuals: one block more at a time.
std::vector<at::Tensor> routerLogits(const ModelConfig& config, CausalLm& model, const PackedTokens& batch) {
    std::vector<at::Tensor> logits;
    std::vector<Block> blocks = std::move(model.blocks);
    for (std::size_t count = 0; count < blocks.size(); ++count) {
        // The residual in the middle of block `count`: its experts silenced, everything else as it is.
        model.blocks.clear();
        for (std::size_t i = 0; i <= count; ++i)
            model.blocks.push_back(std::move(blocks[i]));
        std::vector<at::Tensor> downs;
        for (Expert& expert : model.blocks.back().experts) {
            downs.push_back(expert.down.weight.compute.clone());
            expert.down.weight.compute.zero_();
        }
        {
            TrainingPass partial(model);
            require(partial.forward(batch, {.keepForBackward = false}));
            const at::Tensor middle = partial.hidden().value().narrow(0, 0, batch.tokens()).clone();
            logits.push_back(at::matmul(normed(middle, model.blocks.back().mlpNorm, config.normEpsilon),
                                        model.blocks.back().router.weight.compute.t()));
        }
        for (std::size_t e = 0; e < downs.size(); ++e)
            model.blocks.back().experts[e].down.weight.compute.copy_(downs[e]);
        for (std::size_t i = 0; i <= count; ++i)
            blocks[i] = std::move(model.blocks[i]);
    }
    model.blocks = std::move(blocks);
    return logits;
}

// A model in which no token of the batch is near a tie: a finite difference must not send it to another expert.
std::unique_ptr<CausalLm> clearModel(const ModelConfig& config, const PackedTokens& batch) {
    for (std::uint64_t seed = 1; seed < 100; ++seed) {
        auto model = mixtureModel(config, at::kDouble, seed);
        if (config.experts == config.expertsPerToken)
            return model;
        double margin = 1e9;
        for (const at::Tensor& logits : routerLogits(config, *model, batch)) {
            const at::Tensor sorted = std::get<0>(logits.sort(1, true));
            margin = std::min(margin, (sorted.select(1, config.expertsPerToken - 1) - sorted.select(1, config.expertsPerToken)).min().item<double>());
        }
        if (margin > 0.05)
            return model;
    }
    throw std::runtime_error("every model has near ties");
}

} // namespace

class TestMixture : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void choicesAreTheMostLikely() {
        std::vector<double> logits{0.5, 2.0, -1.0, 2.0, 1.0};
        const std::vector<double> given = logits;
        std::int32_t chosen[3];
        double weights[3];
        kernels::chooseExperts(std::span(logits), 3, true, chosen, weights);
        QCOMPARE(std::vector<int>(chosen, chosen + 3), (std::vector<int>{1, 3, 4})); // of equal ones the first
        double total = 0;
        for (const double value : given)
            total += std::exp(value);
        for (std::size_t e = 0; e < given.size(); ++e)
            QVERIFY(std::abs(logits[e] - std::exp(given[e]) / total) < 1e-15);
        const double sum = 2 * std::exp(2.0) + std::exp(1.0);
        QVERIFY(std::abs(weights[0] - std::exp(2.0) / sum) < 1e-15 && std::abs(weights[2] - std::exp(1.0) / sum) < 1e-15);
        logits = given;
        kernels::chooseExperts(std::span(logits), 2, false, chosen, weights);
        QVERIFY(std::abs(weights[1] - std::exp(2.0) / total) < 1e-15);
    }

    void fullMatchesFiniteDifferences_data() {
        QTest::addColumn<int>("perToken");
        QTest::addColumn<bool>("renormalized");
        QTest::newRow("two of four") << 2 << true;
        QTest::newRow("two of four, probabilities as they are") << 2 << false;
        QTest::newRow("one") << 1 << false;
        QTest::newRow("all") << 4 << true;
    }
    void fullMatchesFiniteDifferences() {
        QFETCH(int, perToken);
        QFETCH(bool, renormalized);
        ModelConfig config = mixtureOf(llamaShape(false), 4, perToken);
        config.renormalizedExperts = renormalized;
        const PackedTokens batch = makeBatch(config, {7, 1, 12, 5});
        const auto model = clearModel(config, batch);
        model->trainAllWeights();
        const QString difference = gradientDifference(*model, batch, {});
        QVERIFY2(difference.isEmpty(), qPrintable(difference));
    }

    void adaptersMatchFiniteDifferences_data() {
        QTest::addColumn<QStringList>("targets");
        QTest::addColumn<double>("dropout");
        QTest::newRow("all, the routers too") << QStringList() << 0.0;
        QTest::newRow("dropout") << QStringList{"gate_proj", "down_proj", "gate"} << 0.3;
        QTest::newRow("one expert") << QStringList{"1.mlp.experts.2.down_proj"} << 0.0;
        QTest::newRow("ups of the upper block") << QStringList{"1.mlp.experts.0.up_proj", "1.mlp.experts.1.up_proj"} << 0.0;
        QTest::newRow("only the upper router") << QStringList{"1.mlp.gate"} << 0.0;
        QTest::newRow("attention") << QStringList{"q_proj", "o_proj"} << 0.0;
    }
    void adaptersMatchFiniteDifferences() {
        QFETCH(QStringList, targets);
        QFETCH(double, dropout);
        std::vector<std::string> names;
        for (const QString& name : targets)
            names.push_back(name.toStdString());
        const ModelConfig config = mixtureOf(llamaShape(true));
        const auto model = clearModel(config, makeBatch(config, {9, 16}));
        addAdapters(*model, 3, 0.7, dropout, names);
        ForwardOptions options;
        options.dropoutSeed = 5, options.step = 9, options.microBatch = 2;
        for (const ActivationPolicy policy : {ActivationPolicy::Keep, ActivationPolicy::Recompute}) {
            const QString difference = gradientDifference(*model, makeBatch(config, {9, 16}), options, policy);
            QVERIFY2(difference.isEmpty(), qPrintable(difference));
        }
    }

    // The loss against its definition, its gradient against differences of it; both policies for activations.
    void loadBalancingLossHasItsGradient() {
        const ModelConfig config = mixtureOf(llamaShape(false));
        const PackedTokens batch = makeBatch(config, {7, 12, 5});
        const at::Tensor nothing = at::zeros({targetCount(batch)}, at::kDouble); // only the balance counts
        constexpr double kWeight = 0.3;
        for (const ActivationPolicy policy : {ActivationPolicy::Keep, ActivationPolicy::Recompute}) {
            const auto model = clearModel(config, batch);
            model->trainAllWeights();
            TrainingPass pass(*model);
            pass.setActivationPolicy(policy);
            pass.balanceRouters(kWeight / static_cast<double>(batch.tokens()));
            const auto lossAndGradient = [&] {
                require(pass.forward(batch, {}));
                if (!pass.targetLogProbsWithGradient(nothing) || !pass.backward())
                    throw std::runtime_error("no gradient");
                return pass.takeRouterLoss();
            };
            model->zeroGradients();
            const double loss = lossAndGradient();
            QVERIFY(std::abs(loss - kWeight * balanceOf(*model, routerLogits(config, *model, batch))) < 1e-12);
            QCOMPARE(pass.takeRouterLoss(), 0.0);
            std::vector<at::Tensor> gradients;
            for (const Parameter* parameter : model->trainable())
                gradients.push_back(parameter->grad.clone());
            Rng rng(4);
            std::size_t index = 0;
            for (Parameter* parameter : model->trainable()) {
                at::Tensor direction = at::zeros_like(parameter->value);
                fillNormal(direction, rng, 1.0);
                const at::Tensor before = parameter->value.clone();
                const auto lossAt = [&](double distance) {
                    parameter->value.copy_(before + distance * direction);
                    model->refreshComputeWeights();
                    return lossAndGradient();
                };
                constexpr double kStep = 1e-4;
                const double numeric = (8 * (lossAt(kStep) - lossAt(-kStep)) - (lossAt(2 * kStep) - lossAt(-2 * kStep))) / (12 * kStep);
                lossAt(0);
                const double exact = (gradients[index++] * direction).sum().item<double>();
                QVERIFY2(std::abs(numeric - exact) <= 1e-6 * std::max(std::abs(numeric), 1e-2),
                         qPrintable(QString("%1: %2 by differences, %3 by backward").arg(QString::fromStdString(parameter->name)).arg(numeric).arg(exact)));
            }
        }
    }

    // Without a weight nothing is added, and a batch's terms count as its tokens do.
    void balanceCountsByTokens() {
        const ModelConfig config = mixtureOf(llamaShape(false));
        const auto model = mixtureModel(config, at::kFloat);
        model->trainAllWeights();
        TrainingPass pass(*model);
        const auto lossOf = [&](const PackedTokens& batch, double perToken) {
            pass.balanceRouters(perToken);
            require(pass.forward(batch, {}));
            (void)pass.targetLogProbsWithGradient(at::ones({targetCount(batch)})).value();
            require(pass.backward());
            return pass.takeRouterLoss();
        };
        const PackedTokens first = makeBatch(config, {12, 9}), second = makeBatch(config, {30}, 8);
        QCOMPARE(lossOf(first, 0), 0.0);
        const double one = lossOf(first, 0.01), other = lossOf(second, 0.01);
        QVERIFY(one > 0.01 * 21 && other > 0.01 * 30); // each at least 1 per weight: 1 is perfect balance for one choice
        pass.balanceRouters(0.01);
        for (const PackedTokens* batch : {&first, &second}) {
            require(pass.forward(*batch, {}));
            (void)pass.targetLogProbsWithGradient(at::ones({targetCount(*batch)})).value();
            require(pass.backward());
        }
        QVERIFY(std::abs(pass.takeRouterLoss() - one - other) < 1e-6);
    }

    // Token by token against reading whole; every precision and many sequences at once against float64.
    void decodingEqualsReading_data() {
        QTest::addColumn<int>("sequences");
        QTest::addColumn<bool>("adapters");
        for (const int sequences : {1, 3, 7, 20})
            for (const bool adapters : {false, true})
                QTest::addRow("%d%s", sequences, adapters ? " with adapters" : "") << sequences << adapters;
    }
    void decodingEqualsReading() {
        QFETCH(int, sequences);
        QFETCH(bool, adapters);
        const ModelConfig config = mixtureOf(llamaShape(false), 6, 2);
        struct Kind {
            at::ScalarType type;
            DecodePrecision precision;
            double bound;
        };
        const auto exact = mixtureModel(config, at::kDouble);
        if (adapters)
            addAdapters(*exact, 2, 0.5, 0);
        std::vector<std::vector<std::int64_t>> texts;
        for (int i = 0; i < sequences; ++i)
            texts.push_back(makeBatch(config, {5 + i % 4}, static_cast<std::uint64_t>(i)).ids);
        for (const Kind kind : {Kind{at::kDouble, DecodePrecision::AsStored, 1e-10}, Kind{at::kFloat, DecodePrecision::AsStored, 1e-5},
                                Kind{at::kBFloat16, DecodePrecision::AsStored, 0.08}, Kind{at::kFloat, DecodePrecision::EightBit, 0.08}}) {
            const auto model = mixtureModel(config, kind.type);
            if (adapters)
                addAdapters(*model, 2, 0.5, 0);
            Decoder decoder(*model, kind.precision), reader(*exact);
            auto grown = texts;
            (void)decoder.prefill(grown).value();
            for (int step = 0; step < 4; ++step) {
                std::vector<std::int64_t> next;
                for (std::size_t i = 0; i < grown.size(); ++i) {
                    next.push_back(static_cast<std::int64_t>((7 * i + 3 * static_cast<std::size_t>(step)) % 61));
                    grown[i].push_back(next.back());
                }
                const at::Tensor found = decoder.step(next).value().to(at::kDouble), expected = reader.prefill(grown).value();
                // Rows whose experts a rounding changed may differ; most must not.
                const at::Tensor error = (found - expected).pow(2).mean(1).sqrt() / expected.pow(2).mean().sqrt();
                const double typical = std::get<0>(error.median(0)).item<double>(), worst = error.max().item<double>();
                QVERIFY2(typical < kind.bound, qPrintable(QString::number(typical)));
                QVERIFY2(kind.bound > 1e-3 || worst < kind.bound, qPrintable(QString::number(worst)));
            }
        }
    }

    // Proposed tokens are checked several in one pass: to the last bit what one after the other gives.
    void severalTokensEqualOneByOneWithExperts() {
        const ModelConfig config = mixtureOf(llamaShape(false), 6, 2);
        for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
            const auto model = mixtureModel(config, type);
            addAdapters(*model, 2, 0.5, 0, {"q_proj", "up_proj"});
            Decoder several(*model), single(*model);
            const std::vector<std::vector<std::int64_t>> prompts{makeBatch(config, {9}).ids, makeBatch(config, {6}, 4).ids};
            QVERIFY(several.prefill(prompts) && single.prefill(prompts));
            const std::vector<std::vector<std::int64_t>> tokens{{3, 8, 21, 40}, {60, 2, 17, 5}};
            const at::Tensor found = several.steps(tokens).value();
            for (std::int64_t t = 0; t < 4; ++t) {
                const at::Tensor expected = single.step({tokens[0][static_cast<std::size_t>(t)], tokens[1][static_cast<std::size_t>(t)]}).value();
                QVERIFY(at::equal(found[t], expected[0]) && at::equal(found[4 + t], expected[1]));
            }
        }
    }

    // An expert's weights do not matter where no token is sent to it: not even what is no number spreads.
    void unusedExpertsTakeNoPart() {
        const ModelConfig config = mixtureOf(llamaShape(false), 4, 1);
        const auto model = mixtureModel(config, at::kFloat);
        for (Block& block : model->blocks) {
            block.router.weight.compute.zero_(); // all equal: the first is taken
            block.experts[2].gateUp.weight.compute.fill_(NAN), block.experts[3].down.weight.compute.fill_(NAN);
        }
        model->trainAllWeights();
        TrainingPass pass(*model);
        const PackedTokens batch = makeBatch(config, {40, 9});
        require(pass.forward(batch, {}));
        QVERIFY(at::isfinite(pass.targetLogProbsWithGradient(at::ones({targetCount(batch)})).value()).all().item<bool>());
        require(pass.backward());
        for (const Parameter* parameter : model->trainable())
            QVERIFY2(at::isfinite(parameter->grad).all().item<bool>(), parameter->name.c_str());
    }

    void impossibleMixturesAreRefused() {
        ModelConfig config = mixtureOf(llamaShape(true), 4, 5);
        QVERIFY(!CausalLm::create(config, {at::kFloat, at::kCPU}));
        config = mixtureOf(llamaShape(true));
        config.layout = BlockLayout::Parallel;
        QVERIFY(!CausalLm::create(config, {at::kFloat, at::kCPU}));
    }
};

ATTUNE_TEST(TestMixture)
#include "tst_mixture.moc"
