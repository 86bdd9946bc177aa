// What LoRA trains beside its adapters: embeddings, norms and head as a whole, single rows of the embedding; layers left out; OLoRA's start.
#include <QtTest>

#include <map>
#include <set>

#include <ATen/ATen.h>

#include "core/methods/method.h"
#include "core/nn/adapter_state.h"
#include "core/plan/whole_modules.h"
#include "tests/nn/gradient_check.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::test;

namespace {

using Names = std::vector<std::string>;

at::Tensor besideLogProbs(CausalLm& model, const PackedTokens& batch) {
    TrainingPass pass(model);
    ForwardOptions options;
    options.keepForBackward = options.training = false;
    require(pass.forward(batch, options));
    return pass.targetLogProbs().value();
}

// Adapters and everything beside them away from where they start.
void moveAll(CausalLm& model, double by) {
    Rng rng(9);
    for (Parameter* parameter : model.trainable()) {
        const at::Tensor noise = at::zeros_like(parameter->value);
        fillNormal(noise, rng, by);
        parameter->value.add_(noise);
    }
    model.refreshComputeWeights();
}

ModelConfig besideShape(const QString& name) {
    ModelConfig config = name == "gpt2" ? gpt2Shape(true) : llamaShape(name != "untied");
    if (name == "multipliers")
        config.embeddingMultiplier = 3.0, config.logitMultiplier = 0.5, config.logitSoftCap = 20.0;
    return config;
}

} // namespace

class TestTrainedBeside : public QObject {
    Q_OBJECT

    static void shapes() {
        QTest::addColumn<QString>("shape");
        for (const char* name : {"tied", "untied", "gpt2", "multipliers"})
            QTest::newRow(name) << name;
    }
    static ParamMap tokenSettings() { return {{"r", std::int64_t{2}}, {"alpha", 2.0}, {"trainable_token_indices", Names{"3", "17-19", "60"}}}; }

private Q_SLOTS:
    void rowsOfTokensMatchFiniteDifferences_data() { shapes(); }
    void rowsOfTokensMatchFiniteDifferences() {
        QFETCH(QString, shape);
        const ModelConfig config = besideShape(shape);
        auto model = makeModel(config, at::kDouble);
        require(findMethod("lora")->attach(*model, tokenSettings(), 1));
        QCOMPARE(model->trainable().front()->value.size(0), 5);
        moveAll(*model, 0.1);
        PackedTokens batch = makeBatch(config, {20, 13});
        batch.ids[2] = 17, batch.ids[9] = 17, batch.ids[25] = 60; // some of them are read, one of them twice
        for (const ActivationPolicy policy : {ActivationPolicy::Keep, ActivationPolicy::Recompute}) {
            const QString difference = gradientDifference(*model, batch, {}, policy);
            QVERIFY2(difference.isEmpty(), qPrintable(difference));
        }
    }

    // The same rows of a model whose whole embedding is trained have the same gradients.
    void rowsOfTokensHaveTheWholeEmbeddingsGradient_data() { shapes(); }
    void rowsOfTokensHaveTheWholeEmbeddingsGradient() {
        QFETCH(QString, shape);
        const ModelConfig config = besideShape(shape);
        const PackedTokens batch = makeBatch(config, {24, 30});
        const auto gradientOf = [&](CausalLm& model) {
            TrainingPass pass(model);
            require(pass.forward(batch, {}));
            if (!pass.targetLogProbsWithGradient(at::ones({targetCount(batch)}, at::kDouble)))
                qFatal("no gradient");
            require(pass.backward());
        };
        auto rows = makeModel(config, at::kDouble), whole = makeModel(config, at::kDouble);
        require(findMethod("lora")->attach(*rows, tokenSettings(), 1));
        require(findMethod("lora")->attach(*whole, {{"r", std::int64_t{2}}, {"modules_to_save", Names{"embed_tokens"}}}, 1));
        gradientOf(*rows), gradientOf(*whole);
        QVERIFY(rows->tokenRows->values.grad.abs().max().item<double>() > 1e-3);
        QVERIFY(at::allclose(rows->tokenRows->values.grad, whole->embedding.trained->grad.index_select(0, rows->tokenRows->index), 1e-11, 1e-12));
    }

    void wholeModulesMatchFiniteDifferences_data() { shapes(); }
    void wholeModulesMatchFiniteDifferences() {
        QFETCH(QString, shape);
        const ModelConfig config = besideShape(shape);
        auto model = makeModel(config, at::kDouble);
        Names names{"embed_tokens", "norm", "layers.1.input_layernorm"};
        if (!config.tiedHead)
            names.push_back("lm_head");
        require(findMethod("lora")->attach(*model, {{"r", std::int64_t{2}}, {"alpha", 2.0}, {"modules_to_save", names}}, 1));
        moveAll(*model, 0.05);
        const QString difference = gradientDifference(*model, makeBatch(config, {20, 13}), {});
        QVERIFY2(difference.isEmpty(), qPrintable(difference));
    }

    void nothingElseIsTrained_data() { shapes(); }
    void nothingElseIsTrained() {
        QFETCH(QString, shape);
        const ModelConfig config = besideShape(shape);
        auto model = makeModel(config, at::kFloat);
        std::vector<at::Tensor> before;
        for (const auto& named : model->baseTensors())
            before.push_back(named.tensor.clone());
        require(findMethod("lora")->attach(*model, {{"r", std::int64_t{2}}, {"modules_to_save", Names{"model.norm"}}, {"trainable_token_indices", Names{"5"}}}, 1));
        moveAll(*model, 0.1);
        const auto after = model->baseTensors();
        for (std::size_t i = 0; i < after.size(); ++i) {
            const bool norm = after[i].name.starts_with("model.norm."), embedding = after[i].name == "model.embed_tokens.weight";
            QCOMPARE(at::equal(after[i].tensor, before[i]), !norm && !embedding);
            for (std::int64_t row = 0; embedding && row < config.vocabularySize; ++row)
                QCOMPARE(at::equal(after[i].tensor[row], before[i][row]), row != 5);
        }
        QVERIFY(model->changesBase());
    }

    // Rows of tokens go with the adapters: off, taken off and put back, merged.
    void rowsOfTokensGoWithTheAdapters() {
        const ModelConfig config = llamaShape(true);
        const PackedTokens batch = makeBatch(config, {20, 30});
        for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
            auto model = makeModel(config, type);
            const at::Tensor plain = besideLogProbs(*model, batch);
            require(findMethod("lora")->attach(*model, tokenSettings(), 1));
            QVERIFY(!model->changesBase());
            moveAll(*model, 0.2);
            const at::Tensor tuned = besideLogProbs(*model, batch);
            QVERIFY(!at::equal(plain, tuned));
            model->setAdaptersEnabled(false);
            QVERIFY(at::allclose(besideLogProbs(*model, batch), plain, 1e-5, 1e-5));
            model->setAdaptersEnabled(true);
            QVERIFY(at::equal(besideLogProbs(*model, batch), tuned));
            AdapterState state;
            exchangeAdapters(*model, state);
            QVERIFY(!model->tokenRows && at::equal(besideLogProbs(*model, batch), plain));
            exchangeAdapters(*model, state);
            QVERIFY(at::equal(besideLogProbs(*model, batch), tuned));
            const double slack = type == at::kFloat ? 1e-4 : 0.2; // of rounding W + s B A once more
            require(findMethod("lora")->merge(*model));
            QVERIFY(!model->tokenRows);
            QVERIFY(at::allclose(besideLogProbs(*model, batch), tuned, slack, slack));
        }
    }

    void stateHoldsWhatIsBeside() {
        const ModelConfig config = llamaShape(false);
        const PackedTokens batch = makeBatch(config, {20, 30});
        const Method& lora = *findMethod("lora");
        ParamMap settings{{"r", std::int64_t{2}}, {"modules_to_save", Names{"lm_head", "norm"}}, {"trainable_token_indices", Names{"2", "7"}}};
        auto trained = makeModel(config, at::kBFloat16), fresh = makeModel(config, at::kBFloat16);
        require(lora.attach(*trained, settings, 1)), require(lora.attach(*fresh, settings, 99));
        moveAll(*trained, 0.2);
        QVERIFY(!at::equal(besideLogProbs(*trained, batch), besideLogProbs(*fresh, batch)));
        require(lora.load(*fresh, lora.state(*trained)));
        QVERIFY(at::equal(besideLogProbs(*trained, batch), besideLogProbs(*fresh, batch)));
        std::set<std::string> names;
        for (const StateTensor& tensor : lora.state(*trained))
            names.insert(tensor.name);
        QCOMPARE(names.size(), trained->trainable().size());
        for (const char* name : {"lm_head.weight", "model.norm.weight", "model.embed_tokens.token_adapter.trainable_tokens_delta"})
            QVERIFY2(names.contains(name), name);
        require(lora.attach(*fresh, {{"r", std::int64_t{2}}}, 1)); // without them: only adapters are trained again
        QVERIFY(!fresh->tokenRows && !fresh->changesBase());
    }

    // The names that a recipe may list are those of the network's tensors.
    void theirNamesAreTheNetworks_data() {
        QTest::addColumn<int>("which");
        for (int which = 0; which < 6; ++which)
            QTest::addRow("%d", which) << which;
    }
    void theirNamesAreTheNetworks() {
        QFETCH(int, which);
        ModelConfig config = which == 1 ? gpt2Shape(true) : llamaShape(which != 2);
        if (which == 3)
            config.layout = BlockLayout::ParallelSharedNorm, config.norm = NormKind::LayerNorm, config.headBias = true, config.tiedHead = false;
        if (which == 4)
            config.qkNorm = QkNorm::Head, config.postNorm = true;
        if (which == 5)
            config.qkNorm = QkNorm::Projection, config.preNorm = false, config.postNorm = true;
        auto model = makeModel(config, at::kFloat);
        std::map<std::string, std::int64_t> expected, found;
        std::set<std::string> linear;
        for (const LinearPart* part : model->linearParts())
            linear.insert({part->name + ".weight", part->name + ".bias"});
        for (const auto& named : model->baseTensors())
            if (!linear.contains(named.name))
                expected[named.name] = named.tensor.numel();
        for (const WholeModule& module : wholeModules(config)) {
            found[module.name + ".weight"] = module.rows * module.columns;
            if (module.bias > 0)
                found[module.name + ".bias"] = module.bias;
        }
        QVERIFY(found == expected);
    }

    void layersAreLeftOut() {
        auto model = makeModel(llamaShape(true), at::kFloat);
        require(findMethod("lora")->attach(*model, {{"exclude_modules", Names{"k_proj", "layers.0.mlp.down_proj"}}}, 1));
        int adapted = 0;
        for (const LinearPart* part : model->linearParts()) {
            const bool left = part->name.ends_with("k_proj") || part->name == "model.layers.0.mlp.down_proj";
            QCOMPARE(part->lora == nullptr, left);
            adapted += part->lora != nullptr;
        }
        QCOMPARE(adapted, 11);
    }

    void badSettingsSayWhatIsWrong_data() {
        QTest::addColumn<QString>("key");
        QTest::addColumn<QString>("value");
        QTest::addColumn<QString>("says");
        QTest::newRow("left out: unknown") << "exclude_modules" << "roj" << "no linear layer";
        QTest::newRow("everything left out") << "exclude_modules" << "*" << "nothing would be trained";
        QTest::newRow("whole: unknown") << "modules_to_save" << "embeddings" << "no module of this model";
        QTest::newRow("whole: a linear layer") << "modules_to_save" << "q_proj" << "linear layer";
        QTest::newRow("whole: tied head") << "modules_to_save" << "lm_head" << "is its embedding";
        for (const char* value : {"61", "-1", "x", "5-2", "3-", "99999999999999999999"})
            QTest::addRow("tokens %s", value) << "trainable_token_indices" << value << "trainable_token_indices";
    }
    void badSettingsSayWhatIsWrong() {
        QFETCH(QString, key);
        QFETCH(QString, value);
        QFETCH(QString, says);
        auto model = makeModel(llamaShape(true), at::kFloat);
        Names list{value.toStdString()};
        if (value == "*")
            list = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"};
        const Status status = findMethod("lora")->attach(*model, {{key.toStdString(), list}}, 1);
        QVERIFY(!status && !status.error().hint.empty());
        QVERIFY2(QString::fromStdString(status.error().message).contains(says), status.error().message.c_str());
    }
    void rowsAndTheWholeEmbeddingExclude() {
        auto model = makeModel(llamaShape(true), at::kFloat);
        const Status status = findMethod("lora")->attach(*model, {{"modules_to_save", Names{"embed_tokens"}}, {"trainable_token_indices", Names{"1"}}}, 1);
        QVERIFY(!status && status.error().message.find("cannot be combined") != std::string::npos);
    }

    void orthogonalBeginsWithTwoMatricesThatCancelOut() {
        const ModelConfig config = llamaShape(true);
        const PackedTokens batch = makeBatch(config, {20, 30});
        auto model = makeModel(config, at::kDouble);
        const at::Tensor before = besideLogProbs(*model, batch);
        require(findMethod("lora")->attach(*model, {{"r", std::int64_t{6}}, {"init", std::string("orthogonal")}}, 1));
        for (const LinearPart* part : model->linearParts()) {
            const LoraAdapter& lora = *part->lora;
            QVERIFY(at::mm(lora.b.value, lora.a.value).abs().max().item<double>() < 1e-12);
            for (const at::Tensor& matrix : {lora.a.value, lora.b.value}) { // numbers of variance 1/2 * 1/100, in r / 2 dimensions
                const double deviation = matrix.std().item<double>();
                QVERIFY2(deviation > 0.05 && deviation < 0.09, part->name.c_str());
                QCOMPARE(at::linalg_matrix_rank(matrix, 1e-9).item<std::int64_t>(), std::int64_t{3});
            }
        }
        QVERIFY(at::allclose(besideLogProbs(*model, batch), before, 1e-9, 1e-9));
        const Status odd = findMethod("lora")->attach(*model, {{"r", std::int64_t{5}}, {"init", std::string("orthogonal")}}, 1);
        QVERIFY(!odd && odd.error().message.find("even") != std::string::npos);
        require(findMethod("qlora")->attach(*makeModel(config, at::kFloat), {{"r", std::int64_t{4}}, {"init", std::string("orthogonal")}}, 1));
    }

    // W = Q R: the first columns of Q, the first rows of R; what the network computes stays.
    void oloraBeginsWithAnOrthonormalBasis() {
        const ModelConfig config = llamaShape(true);
        const PackedTokens batch = makeBatch(config, {20, 30});
        auto model = makeModel(config, at::kDouble);
        const at::Tensor weight = model->blocks[0].down.weight.compute.clone(), before = besideLogProbs(*model, batch);
        require(findMethod("lora")->attach(*model, {{"r", std::int64_t{4}}, {"alpha", 6.0}, {"init", std::string("olora")}}, 1));
        const LoraAdapter& lora = *model->blocks[0].down.parts[0].lora;
        QVERIFY(at::allclose(at::mm(lora.b.value.t(), lora.b.value), at::eye(4, at::kDouble), 1e-10, 1e-10));
        // Q^T W = R, so that the first rows of it are those of R; below the diagonal R is zero.
        QVERIFY(at::allclose(at::mm(lora.b.value.t(), weight), lora.a.value, 1e-10, 1e-10));
        QVERIFY(lora.a.value.tril(-1).abs().max().item<double>() < 1e-10);
        QVERIFY(at::allclose(model->blocks[0].down.weight.compute, weight - 1.5 * at::mm(lora.b.value, lora.a.value), 1e-10, 1e-10));
        QVERIFY(at::allclose(besideLogProbs(*model, batch), before, 1e-9, 1e-9));
        moveAll(*model, 0.05);
        const at::Tensor tuned = besideLogProbs(*model, batch);
        model->setAdaptersEnabled(false);
        QVERIFY(at::allclose(besideLogProbs(*model, batch), before, 1e-9, 1e-9));
        model->setAdaptersEnabled(true);
        require(findMethod("lora")->merge(*model));
        QVERIFY(at::allclose(besideLogProbs(*model, batch), tuned, 1e-9, 1e-9));
        QVERIFY(!findMethod("qlora")->attach(*makeModel(config, at::kFloat), {{"init", std::string("olora")}}, 1));
    }
};

ATTUNE_TEST(TestTrainedBeside)
#include "tst_trained_beside.moc"
