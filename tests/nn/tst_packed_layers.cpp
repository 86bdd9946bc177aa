// A model with weights in 4 bits computes what a plain model of the unpacked numbers computes: training pass, gradients of
// the adapters and decoding.
#include <QtTest>

#include "core/nn/decoder.h"
#include "tests/nn/tiny_model.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::test;

namespace {

struct Twins {
    std::unique_ptr<CausalLm> packed, plain;
};

Twins twins(const ModelConfig& config, at::ScalarType type, bool adapters) {
    Twins models{makeModel(config, type), makeModel(config, type)};
    models.packed->packLinears();
    for (std::size_t i = 0; i < models.plain->blocks.size(); ++i) {
        Block &from = models.packed->blocks[i], &to = models.plain->blocks[i];
        for (const auto& [packed, plain] : {std::pair(&from.qkv, &to.qkv), {&from.attentionOut, &to.attentionOut}, {&from.gateUp, &to.gateUp}, {&from.down, &to.down}})
            packed->readRows(0, plain->weight.compute);
    }
    if (adapters)
        for (CausalLm* model : {models.packed.get(), models.plain.get()})
            addAdapters(*model, 4, 0.5, 0.0);
    return models;
}

std::pair<at::Tensor, std::vector<at::Tensor>> step(CausalLm& model, const PackedTokens& batch, ActivationPolicy policy) {
    TrainingPass pass(model);
    pass.setActivationPolicy(policy);
    model.zeroGradients();
    require(pass.forward(batch, {}));
    const at::Tensor logProbs = pass.targetLogProbsWithGradient(at::ones({targetCount(batch)})).value();
    require(pass.backward());
    std::vector<at::Tensor> gradients;
    for (Parameter* parameter : model.trainable())
        gradients.push_back(parameter->grad.clone());
    return {logProbs, gradients};
}

double relative(const at::Tensor& a, const at::Tensor& b) {
    return ((a - b).to(at::kDouble).norm() / (b.to(at::kDouble).norm() + 1e-30)).item<double>();
}

} // namespace

class TestPackedLayers : public QObject {
    Q_OBJECT

    static void types() {
        QTest::addColumn<int>("typeId");
        QTest::addColumn<bool>("gpt2");
        for (const bool gpt2 : {false, true}) {
            QTest::addRow("f64 %d", gpt2) << static_cast<int>(at::kDouble) << gpt2;
            QTest::addRow("f32 %d", gpt2) << static_cast<int>(at::kFloat) << gpt2;
            QTest::addRow("bf16 %d", gpt2) << static_cast<int>(at::kBFloat16) << gpt2;
        }
    }

private Q_SLOTS:
    void stepEqualsThePlainModel_data() { types(); }
    void stepEqualsThePlainModel() {
        QFETCH(int, typeId);
        QFETCH(bool, gpt2);
        const auto type = static_cast<at::ScalarType>(typeId);
        const ModelConfig config = gpt2 ? gpt2Shape(true) : llamaShape(false);
        const Twins models = twins(config, type, true);
        const PackedTokens batch = makeBatch(config, {20, 13});
        const double tolerance = type == at::kDouble ? 1e-12 : type == at::kFloat ? 1e-5 : 2e-2;
        for (const ActivationPolicy policy : {ActivationPolicy::Keep, ActivationPolicy::Recompute}) {
            const auto [packed, packedGradients] = step(*models.packed, batch, policy);
            const auto [plain, plainGradients] = step(*models.plain, batch, policy);
            QVERIFY2(relative(packed, plain) < tolerance, qPrintable(QString::number(relative(packed, plain))));
            QCOMPARE(packedGradients.size(), plainGradients.size());
            for (std::size_t i = 0; i < plainGradients.size(); ++i)
                QVERIFY2(relative(packedGradients[i], plainGradients[i]) < tolerance,
                         qPrintable(QString::number(relative(packedGradients[i], plainGradients[i]))));
        }
        models.packed->setAdaptersEnabled(false), models.plain->setAdaptersEnabled(false);
        TrainingPass a(*models.packed), b(*models.plain);
        ForwardOptions forward;
        forward.keepForBackward = false;
        require(a.forward(batch, forward)), require(b.forward(batch, forward));
        QVERIFY(relative(a.targetLogProbs().value(), b.targetLogProbs().value()) < tolerance);
    }

    void decodingEqualsThePlainModel_data() { types(); }
    void decodingEqualsThePlainModel() {
        QFETCH(int, typeId);
        QFETCH(bool, gpt2);
        const auto type = static_cast<at::ScalarType>(typeId);
        const ModelConfig config = gpt2 ? gpt2Shape(true) : llamaShape(false);
        for (const bool adapters : {false, true})
            for (const std::size_t sequences : {std::size_t{1}, std::size_t{7}, std::size_t{20}}) {
                const Twins models = twins(config, type, adapters);
                for (const DecodePrecision precision : {DecodePrecision::AsStored, DecodePrecision::EightBit}) {
                    Decoder a(*models.packed, precision), b(*models.plain, precision);
                    std::vector<std::vector<std::int64_t>> prompts;
                    for (std::size_t i = 0; i < sequences; ++i)
                        prompts.push_back({1, static_cast<std::int64_t>(2 + i), 5});
                    QVERIFY(a.prefill(prompts) && b.prefill(prompts));
                    const std::vector<std::int64_t> next(sequences, 9);
                    const double difference = relative(a.step(next).value(), b.step(next).value());
                    const double tolerance = type == at::kDouble ? 1e-12 : type == at::kFloat ? 1e-5 : 2e-2;
                    QVERIFY2(difference < tolerance, qPrintable(QString::number(difference)));
                }
            }
    }

    // A packed model draws what a plain one draws and rounds it.
    void randomWeightsAreThePlainModelsRounded() {
        auto plain = CausalLm::create(llamaShape(true), {at::kFloat, at::kCPU}).value();
        auto packed = CausalLm::create(llamaShape(true), {at::kFloat, at::kCPU, LinearFormat::Nf4}).value();
        plain->initializeRandom(5), packed->initializeRandom(5);
        const at::Tensor expected = plain->blocks[1].qkv.weight.compute;
        const at::Tensor found = at::empty_like(expected);
        packed->blocks[1].qkv.readRows(0, found);
        QVERIFY(relative(found, expected) > 0.01 && relative(found, expected) < 0.12);
        QVERIFY(at::equal(packed->embedding.compute, plain->embedding.compute));
        QCOMPARE(packed->packedParts().size(), std::size_t{14});
    }
};

ATTUNE_TEST(TestPackedLayers)
#include "tst_packed_layers.moc"
