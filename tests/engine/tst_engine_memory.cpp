// The memory estimate's parts against the engine's real tensors, to the byte: weights, gradients, optimizer state and the
// buffers of a training step.
#include <QtTest>

#include <set>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "core/engine/engine_catalog.h"
#include "core/methods/method.h"
#include "core/nn/adapter_state.h"
#include "core/nn/training_pass.h"
#include "core/optim/optimizer.h"
#include "core/plan/estimate.h"
#include "tests/support/test_main.h"
#include "tests/support/tiny_model.h"

using namespace attune;

namespace {

// Bytes of the distinct storages behind tensors.
class Storages {
public:
    void add(const at::Tensor& tensor) {
        if (tensor.defined() && m_seen.insert(tensor.storage().unsafeGetStorageImpl()).second)
            m_bytes += static_cast<std::int64_t>(tensor.storage().nbytes());
    }
    std::int64_t bytes() const { return m_bytes; }

private:
    std::set<const void*> m_seen;
    std::int64_t m_bytes = 0;
};

PackedTokens rowsOf(std::int64_t tokens, std::int64_t targets, std::int64_t vocabulary) {
    PackedTokens batch;
    Rng rng(5);
    for (std::int64_t t = 0; t < tokens; ++t) {
        batch.ids.push_back(static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(vocabulary))));
        batch.targets.push_back(t < targets ? 1 : -100);
    }
    batch.rowStarts = {0, static_cast<std::int32_t>(tokens)};
    return batch;
}

ModelConfig shape(const QString& name) {
    ModelConfig config = test::tinyConfig();
    config.contextLength = 512;
    if (name == "untied") {
        config.tiedHead = false, config.layers = 3, config.heads = 6, config.kvHeads = 2, config.headDim = 16;
        config.hiddenSize = 80, config.intermediateSize = 112, config.vocabularySize = 301;
    } else if (name == "gemma") { // norms of heads and of outputs
        config.qkNorm = QkNorm::Head, config.postNorm = true, config.embeddingMultiplier = 2.0;
    } else if (name == "parallel") {
        config.layout = BlockLayout::ParallelSharedNorm, config.norm = NormKind::LayerNorm, config.gatedMlp = false;
        config.qkvBias = config.attentionOutputBias = config.mlpBias = config.headBias = true, config.tiedHead = false;
    } else if (name == "granite") {
        config.residualMultiplier = 0.5, config.qkNorm = QkNorm::Projection;
    } else if (name == "mixtral") {
        config.experts = 5, config.expertsPerToken = 2, config.tiedHead = false;
    } else if (name == "gpt2") {
        config.kvHeads = 4, config.norm = NormKind::LayerNorm, config.activation = Activation::GeluTanh;
        config.gatedMlp = false, config.positions = PositionKind::Learned;
        config.qkvBias = config.attentionOutputBias = config.mlpBias = true;
    }
    return config;
}

} // namespace

class TestEngineMemory : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void partsAreWhatTheEngineAllocates_data() {
        QTest::addColumn<QString>("model");
        QTest::addColumn<QString>("method");
        QTest::addColumn<bool>("bf16");
        QTest::addColumn<bool>("recompute");
        QTest::addColumn<bool>("dropout");
        for (const char* model : {"tiny", "untied", "gpt2", "gemma", "parallel", "granite", "mixtral"})
            for (const char* method : {"full", "lora", "lora q_proj,down_proj", "lora dora", "lora patterns", "lora pissa", "lora olora", "lora whole", "lora rows", "qlora whole", "qlora", "full frozen", "progressive"})
                for (const bool bf16 : {false, true})
                    for (const bool recompute : {false, true})
                        QTest::addRow("%s %s %s %s", model, method, bf16 ? "bf16" : "f32", recompute ? "recompute" : "keep")
                            << model << method << bf16 << recompute << (recompute && bf16);
    }
    void partsAreWhatTheEngineAllocates() {
        QFETCH(QString, model);
        QFETCH(QString, method);
        QFETCH(bool, bf16);
        QFETCH(bool, recompute);
        QFETCH(bool, dropout);
        const ModelConfig config = shape(model);
        RunConfig run;
        run.method.id = method.section(QLatin1Char(' '), 0, 0).toStdString();
        if (run.method.id == "lora" || run.method.id == "qlora") {
            run.method.params = {{"r", std::int64_t{6}}, {"dropout", dropout ? 0.1 : 0.0}};
            if (method.contains("q_proj"))
                run.method.params["target_modules"] = std::vector<std::string>{"q_proj", "down_proj"};
            if (method.contains("dora"))
                run.method.params["use_dora"] = true;
            if (method.contains("patterns")) {
                run.method.params["rank_pattern"] = std::vector<std::string>{
                    "o_proj=3", config.experts > 0 ? "model.layers.1.mlp.experts.3.up_proj=10" : "model.layers.1.mlp.up_proj=10"};
                run.method.params["layers_to_transform"] = std::vector<std::string>{"1"};
            }
            for (const char* start : {"pissa", "olora"})
                if (method.contains(start))
                    run.method.params["init"] = std::string(start);
            if (method.contains("whole")) {
                run.method.params["modules_to_save"] = std::vector<std::string>{"embed_tokens", "norm", "layers.1.input_layernorm"};
                if (!config.tiedHead)
                    run.method.params["modules_to_save"] = std::vector<std::string>{"lm_head", "norm"};
                run.method.params["exclude_modules"] = std::vector<std::string>{"k_proj"};
            }
            if (method.contains("rows"))
                run.method.params["trainable_token_indices"] = std::vector<std::string>{"0", "20-30"};
        } else if (method.contains("frozen")) {
            run.method.params = {{"frozen_layers", std::vector<std::string>{"0"}}, {"freeze_embeddings", true}};
        }
        auto created = CausalLm::create(config, {bf16 ? at::kBFloat16 : at::kFloat, at::kCPU});
        QVERIFY(created.has_value());
        CausalLm& lm = **created;
        lm.initializeRandom(1);
        QVERIFY(findMethod(run.method.id)->attach(lm, run.method.params, 2).has_value());
        const Catalog& catalog = engineCatalog();

        Storages weights, gradients;
        for (const auto& named : lm.baseTensors())
            weights.add(named.tensor);
        for (Block& block : lm.blocks)
            for (Linear* linear : block.linears())
                for (const at::Tensor& tensor : {linear->loraA, linear->rowNorm, linear->rowScale})
                    weights.add(tensor);
        for (const LinearPart* part : lm.linearParts())
            if (part->lora)
                weights.add(part->lora->startA), weights.add(part->lora->startB);
        if (lm.tokenRows)
            weights.add(lm.tokenRows->base), weights.add(lm.tokenRows->index), weights.add(lm.tokenRows->place);
        std::int64_t packed = 0;
        for (const auto& part : lm.packedParts()) {
            packed += part.part->nf4->bytes();
            weights.add(part.linear->scaledB);
        }
        std::int64_t trained = 0;
        for (const Parameter* parameter : lm.trainable()) {
            weights.add(parameter->value);
            gradients.add(parameter->grad);
            trained += parameter->value.numel();
        }
        QCOMPARE(weightBytes(config, run, catalog, bf16 ? 2 : 4), weights.bytes() + packed);
        QCOMPARE(gradientBytes(config, run, catalog), gradients.bytes());
        QCOMPARE(trainableParameters(config, run, catalog), trained);

        for (const OptimizerKind& kind : builtinOptimizers()) {
            Storages state;
            const auto optimizer = kind.make(lm.trainable(), {});
            QVERIFY(optimizer.has_value());
            for (const auto& entry : (*optimizer)->state())
                state.add(entry.tensor);
            run.optimizer.id = kind.description.id;
            QCOMPARE(optimizerBytes(config, run, catalog), state.bytes());
        }

        TrainingPass pass(lm);
        pass.setActivationPolicy(recompute ? ActivationPolicy::Recompute : ActivationPolicy::Keep);
        const PackedTokens batch = rowsOf(300, 170, config.vocabularySize);
        QVERIFY(pass.forward(batch, {}).has_value());
        QVERIFY(pass.targetLogProbsWithGradient(at::ones({170})).has_value());
        QVERIFY(pass.backward().has_value());
        const PassShape passShape{300, 170, bf16 ? 2 : 4, recompute, at::get_num_threads()};
        QCOMPARE(passBytes(config, run, catalog, passShape), pass.bufferBytes() - pass.attentionScratchBytes());
        const std::int64_t most = attentionBytes(config, passShape), scratch = pass.attentionScratchBytes();
        QVERIFY2(scratch <= most && most < 3 * scratch, qPrintable(QString("%1 of %2").arg(scratch).arg(most)));
    }

    void theStatesOfPractice() {
        // Policy with its value head, reference and reward model on one base network.
        const ModelConfig config = shape("untied");
        const Catalog& catalog = engineCatalog();
        RunConfig run;
        run.method.id = "lora", run.method.params = {{"r", std::int64_t{6}}};
        run.objective.id = "ppo";
        auto created = CausalLm::create(config, {at::kBFloat16, at::kCPU});
        QVERIFY(created.has_value());
        CausalLm& lm = **created;
        lm.initializeRandom(1);
        QVERIFY(findMethod("lora")->attach(lm, {}, 2).has_value()); // the reward model: the usual rank
        lm.addScoreHead(3);
        AdapterState judge;
        exchangeAdapters(lm, judge);
        QVERIFY(findMethod("lora")->attach(lm, run.method.params, 4).has_value());
        lm.addValueHead();

        Storages weights, gradients, beside;
        for (const auto& named : lm.baseTensors())
            weights.add(named.tensor);
        for (Block& block : lm.blocks)
            for (Linear* linear : {&block.qkv, &block.attentionOut, &block.gateUp, &block.down})
                weights.add(linear->loraA);
        for (const Parameter* parameter : lm.trainable())
            weights.add(parameter->value), gradients.add(parameter->grad);
        QCOMPARE(weightBytes(config, run, catalog, 2), weights.bytes());
        QCOMPARE(gradientBytes(config, run, catalog), gradients.bytes());
        for (const auto& adapter : judge.lora)
            if (adapter)
                for (const Parameter* parameter : {&adapter->a, &adapter->b})
                    beside.add(parameter->value), beside.add(parameter->grad);
        beside.add(judge.scoreHead->value), beside.add(judge.scoreHead->grad);
        const PassShape writing{512, 100, 2, false, 2};
        const std::int64_t without = ownAnswerBytes(config, run, catalog, 100, writing);
        run.objective.params["reward_model"] = std::string("runs/judge");
        QCOMPARE(ownAnswerBytes(config, run, catalog, 100, writing) - without, beside.bytes());

        // Where every weight is trained, a frozen copy of the base is the reference and carries the reward model.
        PassShape reading = writing; // of the prompts: without adapters its buffers are smaller
        reading.forwardOnly = true;
        const std::int64_t adapted = passBytes(config, run, catalog, reading);
        run.method = {"full", {}};
        auto copy = CausalLm::create(config, {at::kBFloat16, at::kCPU});
        QVERIFY(copy.has_value());
        Storages frozen;
        for (const auto& named : (*copy)->baseTensors())
            frozen.add(named.tensor);
        const std::int64_t less = adapted - passBytes(config, run, catalog, reading);
        QCOMPARE(ownAnswerBytes(config, run, catalog, 100, writing) - without, beside.bytes() + frozen.bytes() - less);
    }

    void totalIsTheSumOfItsParts() {
        const PassShape passShape{512, 511, 2, false, 2};
        RunConfig run;
        const MemoryEstimate memory = engineMemory(shape("untied"), run, engineCatalog(), passShape, 100'000'000);
        QCOMPARE(memory.weights, weightBytes(shape("untied"), run, engineCatalog(), 2));
        QCOMPARE(memory.activations, passBytes(shape("untied"), run, engineCatalog(), passShape) +
                                         attentionBytes(shape("untied"), passShape));
        QVERIFY(memory.overhead > 100'000'000);
    }
};

ATTUNE_TEST(TestEngineMemory)
#include "tst_engine_memory.moc"
