// LoRA's variants against their formulas: DoRA, PiSSA, ranks and scales of single layers, chosen blocks; and full fine-tuning
// with frozen blocks.
#include <QtTest>

#include "core/methods/method.h"
#include "tests/nn/tiny_model.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::test;

namespace {

at::Tensor targetLogProbs(CausalLm& model, const PackedTokens& batch, const ForwardOptions& options = {}) {
    TrainingPass pass(model);
    ForwardOptions evaluation = options;
    evaluation.keepForBackward = false;
    require(pass.forward(batch, evaluation));
    return pass.targetLogProbs().value().clone();
}

void disturb(CausalLm& model, double deviation) {
    Rng rng(17);
    for (Parameter* parameter : model.trainable()) {
        const at::Tensor noise = at::zeros_like(parameter->value);
        fillNormal(noise, rng, deviation);
        parameter->value.add_(noise);
    }
    model.refreshComputeWeights();
}

std::vector<Linear*> linears(CausalLm& model) {
    std::vector<Linear*> all;
    for (Block& block : model.blocks)
        for (Linear* linear : {&block.qkv, &block.attentionOut, &block.gateUp, &block.down})
            all.push_back(linear);
    return all;
}

const ParamValue kDora = true;

} // namespace

class TestLoraVariants : public QObject {
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
    void doraStartsAtTheBaseModel_data() { models(); }
    void doraStartsAtTheBaseModel() {
        auto model = makeModel(shape(), at::kDouble);
        const PackedTokens batch = makeBatch(shape(), {20, 9});
        const at::Tensor before = targetLogProbs(*model, batch);
        require(findMethod("lora")->attach(*model, {{"r", std::int64_t{4}}, {"use_dora", kDora}}, 1));
        QVERIFY(at::allclose(targetLogProbs(*model, batch), before, 1e-11, 1e-11));
        QCOMPARE(model->trainable().size(), findMethod("lora")->state(*model).size());
        QVERIFY(findMethod("lora")->state(*model)[2].name.ends_with(".lora_magnitude_vector"));
    }

    // The rows' lengths are constants of a step (section 4.3 of the paper): the differences hold them.
    void doraGradientsMatchFiniteDifferences_data() {
        QTest::addColumn<bool>("gpt2");
        QTest::addColumn<double>("dropout");
        QTest::addColumn<QStringList>("targets");
        QTest::newRow("llama") << false << 0.0 << QStringList{"all-linear"};
        QTest::newRow("gpt2") << true << 0.0 << QStringList{"all-linear"};
        QTest::newRow("llama dropout") << false << 0.3 << QStringList{"all-linear"};
        QTest::newRow("q and down only") << false << 0.0 << QStringList{"q_proj", "down_proj"};
    }
    void doraGradientsMatchFiniteDifferences() {
        QFETCH(double, dropout);
        QFETCH(QStringList, targets);
        std::vector<std::string> names;
        for (const QString& name : targets)
            names.push_back(name.toStdString());
        auto model = makeModel(shape(), at::kDouble);
        require(findMethod("lora")->attach(
            *model, {{"r", std::int64_t{3}}, {"use_dora", kDora}, {"dropout", dropout}, {"target_modules", names}}, 1));
        disturb(*model, 0.1);
        std::vector<at::Tensor> norms;
        for (Linear* linear : linears(*model))
            norms.push_back(linear->rowNorm.defined() ? linear->rowNorm.clone() : at::Tensor());
        const auto holdNorms = [&] {
            const auto all = linears(*model);
            for (std::size_t i = 0; i < all.size(); ++i) {
                if (!norms[i].defined())
                    continue;
                for (const LinearPart& part : all[i]->parts)
                    if (part.lora)
                        all[i]->rowScale.narrow(0, part.begin, part.rows)
                            .copy_(part.lora->magnitude.value / norms[i].narrow(0, part.begin, part.rows));
            }
        };
        const PackedTokens batch = makeBatch(shape(), {9, 14});
        ForwardOptions options;
        options.dropoutSeed = 5, options.step = 3;
        for (const ActivationPolicy policy : {ActivationPolicy::Keep, ActivationPolicy::Recompute}) {
            TrainingPass pass(*model);
            pass.setActivationPolicy(policy);
            model->zeroGradients();
            require(pass.forward(batch, options));
            QVERIFY(pass.targetLogProbsWithGradient(at::ones({targetCount(batch)}, at::kDouble)));
            require(pass.backward());
            Rng rng(4);
            for (Parameter* parameter : model->trainable()) {
                const at::Tensor direction = at::zeros_like(parameter->value), before = parameter->value.clone();
                fillNormal(direction, rng, 1.0);
                const auto lossAt = [&](double distance) {
                    parameter->value.copy_(before + distance * direction);
                    model->refreshComputeWeights();
                    holdNorms();
                    return -targetLogProbs(*model, batch, options).sum().item<double>();
                };
                constexpr double kStep = 1e-4;
                const double numeric = (8 * (lossAt(kStep) - lossAt(-kStep)) - (lossAt(2 * kStep) - lossAt(-2 * kStep))) / (12 * kStep);
                lossAt(0);
                const double exact = (parameter->grad * direction).sum().item<double>();
                QVERIFY2(std::abs(numeric - exact) <= 1e-5 * std::max(std::abs(numeric), 1e-3),
                         qPrintable(QString("%1: %2 by differences, %3 by backward").arg(QString::fromStdString(parameter->name)).arg(numeric).arg(exact)));
            }
        }
    }

    // W' = m (W + s B A) / |W + s B A|, row by row with plain loops, in a model without adapters.
    void doraEqualsItsFormula_data() {
        QTest::addColumn<bool>("packed");
        QTest::newRow("plain") << false;
        QTest::newRow("4 bits") << true;
    }
    void doraEqualsItsFormula() {
        QFETCH(bool, packed);
        const ModelConfig config = llamaShape(false);
        auto model = makeModel(config, at::kDouble), expected = makeModel(config, at::kDouble);
        const Method& method = *findMethod(packed ? "qlora" : "lora");
        require(method.attach(*model, {{"r", std::int64_t{3}}, {"alpha", 5.0}, {"use_dora", kDora}}, 1));
        disturb(*model, 0.2);
        const auto from = linears(*model), to = linears(*expected);
        for (std::size_t i = 0; i < from.size(); ++i) {
            from[i]->readRows(0, to[i]->weight.compute);
            for (const LinearPart& part : from[i]->parts) {
                const LoraAdapter& lora = *part.lora;
                for (std::int64_t o = 0; o < part.rows; ++o) {
                    double* row = to[i]->weight.compute.data_ptr<double>() + (part.begin + o) * from[i]->in;
                    double square = 0;
                    for (std::int64_t k = 0; k < from[i]->in; ++k) {
                        for (std::int64_t r = 0; r < 3; ++r)
                            row[k] += 5.0 / 3.0 * lora.b.value.data_ptr<double>()[o * 3 + r] * lora.a.value.data_ptr<double>()[r * from[i]->in + k];
                        square += row[k] * row[k];
                    }
                    for (std::int64_t k = 0; k < from[i]->in; ++k)
                        row[k] *= lora.magnitude.value.data_ptr<double>()[o] / std::sqrt(square);
                }
            }
        }
        const PackedTokens batch = makeBatch(config, {20, 9});
        const at::Tensor wanted = targetLogProbs(*expected, batch);
        QVERIFY(at::allclose(targetLogProbs(*model, batch), wanted, 1e-10, 1e-10));
        require(method.merge(*model));
        QVERIFY(at::allclose(targetLogProbs(*model, batch), wanted, 1e-10, 1e-10));
    }

    void pissaTakesTheLargestSingularValues_data() {
        QTest::addColumn<QString>("init");
        QTest::newRow("exact") << "pissa";
        QTest::newRow("fast") << "pissa_niter_4";
    }
    void pissaTakesTheLargestSingularValues() {
        QFETCH(QString, init);
        const ModelConfig config = llamaShape(false);
        auto model = makeModel(config, at::kDouble), base = makeModel(config, at::kDouble);
        const PackedTokens batch = makeBatch(config, {20, 9});
        const at::Tensor before = targetLogProbs(*model, batch);
        const ParamMap params{{"r", std::int64_t{4}}, {"alpha", 6.0}, {"init", init.toStdString()}};
        require(findMethod("lora")->attach(*model, params, 1));
        QVERIFY(at::allclose(targetLogProbs(*model, batch), before, 1e-10, 1e-10));
        const auto rest = linears(*model), whole = linears(*base);
        for (std::size_t i = 0; i < rest.size(); ++i)
            for (const LinearPart& part : rest[i]->parts) {
                const at::Tensor w = whole[i]->weight.compute.narrow(0, part.begin, part.rows),
                                 r = rest[i]->weight.compute.narrow(0, part.begin, part.rows);
                const at::Tensor product = at::mm(part.lora->b.value, part.lora->a.value) * 1.5;
                QVERIFY(at::allclose(r + product, w, 1e-12, 1e-12));
                const at::Tensor values = std::get<1>(at::linalg_svd(w, false)), left = std::get<1>(at::linalg_svd(r, false)),
                                 taken = std::get<1>(at::linalg_svd(product, false));
                const double tolerance = init == "pissa" ? 1e-10 : 5e-2; // random matrices: no gap between the values
                QVERIFY(at::allclose(taken.narrow(0, 0, 4), values.narrow(0, 0, 4), tolerance, 1e-12));
                QVERIFY(std::abs((left[0] / values[4]).item<double>() - 1) < (init == "pissa" ? 1e-10 : 0.1));
            }
        // Switched off, the base model answers; after training and merging the trained one.
        disturb(*model, 0.1);
        const at::Tensor trained = targetLogProbs(*model, batch);
        QVERIFY(!at::allclose(trained, before, 1e-3, 1e-3));
        model->setAdaptersEnabled(false);
        QVERIFY(at::allclose(targetLogProbs(*model, batch), before, 1e-10, 1e-10));
        model->setAdaptersEnabled(true);
        require(findMethod("lora")->merge(*model));
        QVERIFY(at::allclose(targetLogProbs(*model, batch), trained, 1e-10, 1e-10));
    }

    void pissaIsTheSameEachTime() {
        for (const char* init : {"pissa", "pissa_niter_4"}) {
            auto first = makeModel(llamaShape(true), at::kFloat), second = makeModel(llamaShape(true), at::kFloat);
            const ParamMap params{{"r", std::int64_t{4}}, {"init", std::string(init)}};
            require(findMethod("lora")->attach(*first, params, 1)), require(findMethod("lora")->attach(*second, params, 1));
            for (std::size_t i = 0; i < first->blocks.size(); ++i)
                QVERIFY(at::equal(first->blocks[i].down.weight.compute, second->blocks[i].down.weight.compute));
        }
    }

    void patternsAndBlocksAreFollowed() {
        auto model = makeModel(llamaShape(true), at::kFloat);
        using List = std::vector<std::string>;
        require(findMethod("lora")->attach(*model,
                                           {{"r", std::int64_t{4}},
                                            {"alpha", 8.0},
                                            {"rank_pattern", List{"q_proj=2", "layers.1.mlp.down_proj=6"}},
                                            {"alpha_pattern", List{"q_proj=10"}},
                                            {"layers_to_transform", List{"1"}}},
                                           1));
        int adapted = 0;
        for (const LinearPart* part : model->linearParts()) {
            QCOMPARE(part->lora != nullptr, part->name.find("layers.1.") != std::string::npos);
            if (!part->lora)
                continue;
            ++adapted;
            const bool q = part->name.ends_with("q_proj"), down = part->name.ends_with("down_proj");
            QCOMPARE(part->lora->rank(), q ? 2 : down ? 6 : 4);
            QCOMPARE(part->lora->scale, q ? 5.0 : down ? 8.0 / 6.0 : 2.0);
        }
        QCOMPARE(adapted, 7);
    }

    void badSettingsAreRefusedByName_data() {
        QTest::addColumn<QString>("key");
        QTest::addColumn<QString>("value");
        for (const char* value : {"q_proj", "=3", "q_proj=", "q_proj=0", "q_proj=2.5", "q_proj=2000", "nothing=3", "q_proj=1e999", "roj=3"})
            QTest::addRow("rank %s", value) << "rank_pattern" << value;
        for (const char* value : {"q_proj=-1", "q_proj=x", "other=2"})
            QTest::addRow("alpha %s", value) << "alpha_pattern" << value;
        for (const char* value : {"2", "-1", "0-2", "1-0", "x", "0-", "99999999999999999999"})
            QTest::addRow("layers %s", value) << "layers_to_transform" << value;
    }
    void badSettingsAreRefusedByName() {
        QFETCH(QString, key);
        QFETCH(QString, value);
        auto model = makeModel(llamaShape(true), at::kFloat);
        const auto status = findMethod("lora")->attach(*model, {{key.toStdString(), std::vector<std::string>{value.toStdString()}}}, 1);
        QVERIFY(!status);
        QVERIFY2(status.error().message.find(key.toStdString()) == 0 && !status.error().hint.empty(), status.error().message.c_str());
    }

    void whatCannotBeCombinedIsRefused() {
        auto model = makeModel(llamaShape(true), at::kFloat);
        const Method& lora = *findMethod("lora");
        QVERIFY(!lora.attach(*model, {{"use_dora", kDora}, {"init", std::string("pissa")}}, 1));
        QVERIFY(!lora.attach(*model, {{"r", std::int64_t{33}}, {"init", std::string("pissa")}}, 1)); // k has 16 rows
        QVERIFY(!findMethod("qlora")->attach(*model, {{"init", std::string("pissa")}}, 1));          // after which it is in 4 bits
        QVERIFY(!lora.attach(*model, {{"r", std::int64_t{4}}, {"init", std::string("pissa")}}, 1));
        QVERIFY(!findMethod("full")->attach(*model, {}, 1));
    }

    // The same gradients as without freezing, for what is left to train.
    void frozenBlocksStayAndTheRestTrainsAlike() {
        const PackedTokens batch = makeBatch(llamaShape(true), {12, 8});
        const auto gradients = [&](const ParamMap& params) {
            auto model = makeModel(llamaShape(true), at::kFloat);
            require(findMethod("full")->attach(*model, params, 1));
            TrainingPass pass(*model);
            require(pass.forward(batch, {}));
            if (!pass.targetLogProbsWithGradient(at::ones({targetCount(batch)})))
                qFatal("no log-probabilities");
            require(pass.backward());
            std::map<std::string, at::Tensor> found;
            for (const Parameter* parameter : model->trainable())
                found[parameter->name] = parameter->grad.clone();
            return found;
        };
        const auto all = gradients({});
        const auto some = gradients({{"frozen_layers", std::vector<std::string>{"0"}}, {"freeze_embeddings", true}});
        QVERIFY(some.size() < all.size() && some.contains("model.norm.weight") && !some.contains("model.embed_tokens.weight"));
        for (const auto& [name, gradient] : some) {
            QVERIFY2(name.find("layers.0.") == std::string::npos, name.c_str());
            QVERIFY2(at::equal(gradient, all.at(name)), name.c_str());
        }
        QCOMPARE(some.size(), std::size_t{7}); // four products and two norms of block 1, and the last norm
    }
};

ATTUNE_TEST(TestLoraVariants)
#include "tst_lora_variants.moc"
