// What every training method promises: parameters described, frozen weights unmoved, state restored, merging changes
// nothing.
#include <QtTest>

#include "core/methods/method.h"
#include "tests/nn/tiny_model.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::test;

namespace {

at::Tensor logProbs(CausalLm& model, const PackedTokens& batch) {
    TrainingPass pass(model);
    ForwardOptions options;
    options.keepForBackward = options.training = false;
    require(pass.forward(batch, options));
    return pass.targetLogProbs().value();
}

// Plain gradient descent: independent of core/optim.
void descend(CausalLm& model, const PackedTokens& batch, int steps, double rate) {
    TrainingPass pass(model);
    for (int step = 0; step < steps; ++step) {
        model.zeroGradients();
        require(pass.forward(batch, {}));
        const at::Tensor weights = at::full({targetCount(batch)}, 1.0 / static_cast<double>(targetCount(batch)));
        QVERIFY(pass.targetLogProbsWithGradient(weights).has_value());
        require(pass.backward());
        for (Parameter* parameter : model.trainable())
            parameter->value.sub_(parameter->grad, rate);
        model.refreshComputeWeights();
    }
}

} // namespace

class TestMethods : public QObject {
    Q_OBJECT

    static void rows() {
        QTest::addColumn<QString>("id");
        QTest::addColumn<bool>("gpt2");
        for (const auto& method : builtinMethods())
            for (const bool gpt2 : {false, true})
                QTest::addRow("%s %s", method->description().id.c_str(), gpt2 ? "gpt2" : "llama")
                    << QString::fromStdString(method->description().id) << gpt2;
    }
    static const Method& method() {
        QFETCH(QString, id);
        return *findMethod(id.toStdString());
    }
    static ModelConfig config() {
        QFETCH(bool, gpt2);
        return gpt2 ? gpt2Shape(true) : llamaShape(true);
    }

private Q_SLOTS:
    void descriptionIsComplete_data() { rows(); }
    void descriptionIsComplete() {
        const Described& description = method().description();
        QVERIFY(!description.title.empty() && !description.summary.empty());
        for (const ParamSpec& spec : description.params)
            QVERIFY2(!spec.key.empty() && !spec.label.empty() && !spec.help.empty(), spec.key.c_str());
    }

    void trainingLowersTheLoss_data() { rows(); }
    void trainingLowersTheLoss() {
        auto model = makeModel(config(), at::kFloat);
        require(method().attach(*model, {}, 1));
        const PackedTokens batch = makeBatch(config(), {20, 30});
        const double before = -logProbs(*model, batch).mean().item<double>();
        descend(*model, batch, 20, 0.05);
        const double after = -logProbs(*model, batch).mean().item<double>();
        QVERIFY2(after < before - 0.05, qPrintable(QString("%1 -> %2").arg(before).arg(after)));
    }

    void frozenWeightsStayBitEqual_data() { rows(); }
    void frozenWeightsStayBitEqual() {
        auto model = makeModel(config(), at::kFloat);
        require(method().attach(*model, {}, 1));
        if (method().description().id == "progressive")
            return; // frozen and trained blocks side by side: tests/export/tst_progressive.cpp
        std::vector<at::Tensor> before, codesBefore;
        for (const auto& named : model->baseTensors())
            before.push_back(named.tensor.clone());
        for (const auto& packed : model->packedParts())
            codesBefore.push_back(packed.part->nf4->codes.clone());
        QCOMPARE(codesBefore.empty(), method().linearFormat() == LinearFormat::Plain);
        descend(*model, makeBatch(config(), {20, 30}), 3, 0.05);
        for (std::size_t i = 0; i < codesBefore.size(); ++i)
            QVERIFY(at::equal(codesBefore[i], model->packedParts()[i].part->nf4->codes));
        const auto after = model->baseTensors();
        for (std::size_t i = 0; i < before.size(); ++i)
            if (!after[i].name.ends_with("k_proj.bias")) // moves all scores of a query alike: its gradient is zero
                QCOMPARE(at::equal(before[i], after[i].tensor), method().producesAdapter());
    }

    void stateRestoresTheModel_data() { rows(); }
    void stateRestoresTheModel() {
        const PackedTokens batch = makeBatch(config(), {20, 30});
        auto trained = makeModel(config(), at::kFloat);
        require(method().attach(*trained, {}, 1));
        descend(*trained, batch, 5, 0.05);
        auto fresh = makeModel(config(), at::kFloat);
        require(method().attach(*fresh, {}, 99));
        QVERIFY(!at::equal(logProbs(*fresh, batch), logProbs(*trained, batch)));
        require(method().load(*fresh, method().state(*trained)));
        QVERIFY(at::equal(logProbs(*fresh, batch), logProbs(*trained, batch)));
    }

    void wrongStateIsRefusedByName_data() { rows(); }
    void wrongStateIsRefusedByName() {
        auto model = makeModel(config(), at::kFloat);
        require(method().attach(*model, {}, 1));
        std::vector<StateTensor> state = method().state(*model);
        const std::string last = state.back().name;
        auto missing = state;
        missing.pop_back();
        auto status = method().load(*model, missing);
        QVERIFY(!status && status.error().message.find(last) != std::string::npos);
        auto extra = state;
        extra.push_back({"something.else", at::zeros({1})});
        status = method().load(*model, extra);
        QVERIFY(!status && status.error().message.find("something.else") != std::string::npos);
        auto misshapen = state;
        misshapen.back().tensor = at::zeros({3, 3, 3});
        status = method().load(*model, misshapen);
        QVERIFY(!status && status.error().message.find(last) != std::string::npos);
    }

    void mergeEqualsUnmerged_data() { rows(); }
    void mergeEqualsUnmerged() {
        const PackedTokens batch = makeBatch(config(), {20, 30});
        auto model = makeModel(config(), at::kDouble);
        require(method().attach(*model, {}, 1));
        descend(*model, batch, 5, 0.05);
        const at::Tensor before = logProbs(*model, batch);
        if (model->prompt) { // vectors in front of the rows are no part of the weights
            QVERIFY(!method().merge(*model));
            return;
        }
        require(method().merge(*model));
        QVERIFY(at::allclose(logProbs(*model, batch), before, 1e-10, 1e-10));
        for (const LinearPart* part : model->linearParts())
            QVERIFY(!part->lora);
    }

    void loraNamesShapesAndScale() {
        auto model = makeModel(llamaShape(true), at::kFloat);
        const Method& lora = *findMethod("lora");
        require(lora.attach(*model,
                            {{"r", std::int64_t{4}},
                             {"alpha", 8.0},
                             {"use_rslora", true},
                             {"target_modules", std::vector<std::string>{"q_proj", "down_proj"}}},
                            7));
        const auto state = lora.state(*model);
        QCOMPARE(state.size(), std::size_t{8});
        QCOMPARE(state[0].name, std::string("model.layers.0.self_attn.q_proj.lora_A.weight"));
        QCOMPARE(state[1].name, std::string("model.layers.0.self_attn.q_proj.lora_B.weight"));
        QCOMPARE(state[0].tensor.sizes().vec(), (std::vector<std::int64_t>{4, 32}));
        QCOMPARE(state[3].tensor.sizes().vec(), (std::vector<std::int64_t>{32, 4}));
        QVERIFY(state[0].tensor.abs().max().item<double>() <= 1.0 / std::sqrt(32.0));
        QVERIFY(state[0].tensor.abs().max().item<double>() > 0.8 / std::sqrt(32.0));
        QCOMPARE(state[1].tensor.abs().max().item<double>(), 0.0);
        QCOMPARE(model->blocks[0].qkv.parts[0].lora->scale, 8.0 / std::sqrt(4.0));
        require(lora.attach(*model, {{"r", std::int64_t{4}}, {"alpha", 8.0}, {"init", std::string("gaussian")}}, 7));
        const double deviation = lora.state(*model)[0].tensor.std().item<double>();
        QVERIFY(deviation > 0.2 && deviation < 0.3); // 1 / r
        QCOMPARE(model->blocks[0].qkv.parts[0].lora->scale, 2.0);
    }

    void badLoraSettingsAreRefused() {
        auto model = makeModel(gpt2Shape(true), at::kFloat);
        const Method& lora = *findMethod("lora");
        QVERIFY(!lora.attach(*model, {{"r", std::int64_t{0}}}, 1));
        QVERIFY(!lora.attach(*model, {{"target_modules", std::vector<std::string>{}}}, 1));
        const auto status = lora.attach(*model, {{"target_modules", std::vector<std::string>{"gate_proj"}}}, 1);
        QVERIFY(!status && status.error().message.find("gate_proj") != std::string::npos);
    }
};

ATTUNE_TEST(TestMethods)
#include "tst_methods.moc"
