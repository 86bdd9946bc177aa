// Every optimizer's state through a checkpoint on the disk: bit-equal when read, and the run goes on bit by bit.
#include <QTemporaryDir>
#include <QtTest>

#include <ATen/ATen.h>

#include "core/engine/checkpoint.h"
#include "core/optim/optimizer.h"
#include "tests/support/test_main.h"
#include "tests/support/tiny_model.h"

using namespace attune;

namespace {

// Full training of a model that has tensors above and below the size from which 8 bits are used.
struct TrainedModel {
    std::unique_ptr<CausalLm> model;
    std::unique_ptr<Optimizer> optimizer;
    const Method* method = findMethod("full");

    explicit TrainedModel(const OptimizerKind& kind) {
        ModelConfig config = test::tinyConfig();
        config.hiddenSize = 64, config.headDim = 16, config.intermediateSize = 96;
        model = CausalLm::create(config, {at::kFloat, at::kCPU}).value();
        model->initializeRandom(3);
        if (!method->attach(*model, {}, 1))
            return;
        optimizer = kind.make(model->trainable(), {{"weight_decay", 0.01}}).value();
    }
    void step(std::uint64_t seed) {
        Rng rng(seed);
        for (Parameter* parameter : model->trainable()) {
            float* gradient = parameter->grad.data_ptr<float>();
            for (std::int64_t i = 0; i < parameter->grad.numel(); ++i)
                gradient[i] = static_cast<float>(rng.normal());
        }
        optimizer->step(1e-3, 1.0);
    }
};

} // namespace

class TestOptimizerCheckpoints : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void anotherSetOfTensorsIsRefusedUntouched() {
        QTemporaryDir folder;
        const fs::path file = (folder.path() + "/t.safetensors").toStdString();
        QVERIFY(writeTensors(file, {{"a", at::ones({2, 3})}, {"b", at::ones({4})}}).has_value());
        const at::Tensor a = at::zeros({2, 3}), b = at::zeros({4}), wide = at::zeros({4}, at::kDouble);
        for (const std::vector<StateTensor>& into : std::vector<std::vector<StateTensor>>{
                 {{"a", a}}, {{"a", a}, {"b", at::zeros({5})}}, {{"a", a}, {"c", b}}, {{"a", a}, {"b", b}, {"c", b}}}) {
            const auto read = readTensorsInto(file, into);
            QVERIFY(!read && read.error().code == ErrorCode::InvalidData);
            QCOMPARE(a.sum().item<double>(), 0.0);
        }
        QVERIFY(readTensorsInto(file, {{"a", a.t().contiguous().t()}, {"b", wide}}).has_value()); // not in place: converted
        QCOMPARE(wide.sum().item<double>(), 4.0);
        QVERIFY(readTensorsInto(file, {{"b", b}, {"a", a}}).has_value());
        QCOMPARE(a.sum().item<double>() + b.sum().item<double>(), 10.0);
    }
    void stateSurvivesTheDisk_data() {
        QTest::addColumn<int>("index");
        for (std::size_t i = 0; i < builtinOptimizers().size(); ++i)
            QTest::newRow(builtinOptimizers()[i].description.id.c_str()) << static_cast<int>(i);
    }
    void stateSurvivesTheDisk() {
        QFETCH(int, index);
        const OptimizerKind& kind = builtinOptimizers()[static_cast<std::size_t>(index)];
        QTemporaryDir folder;
        TrainedModel run(kind), resumed(kind);
        for (std::uint64_t step = 1; step <= 3; ++step)
            run.step(step);
        TrainProgress progress;
        progress.step = progress.optimizerSteps = 3;
        progress.carried = {{"first_validation_reward/0", 0.25}};
        progress.bestMetrics = {{"reward", -1.5}};
        const auto saved = saveCheckpoint(folder.path().toStdString(), progress, run.method->state(*run.model), *run.optimizer);
        QVERIFY2(saved.has_value(), saved ? "" : saved.error().message.c_str());
        const auto found = latestCheckpoint(folder.path().toStdString());
        QVERIFY(found.has_value());
        QVERIFY(found->progress.carried == progress.carried && found->progress.bestMetrics == progress.bestMetrics);
        const auto weights = resumed.method->state(*resumed.model);
        QVERIFY(loadCheckpoint(*found, weights, resumed.optimizer.get()).has_value());
        QVERIFY(resumed.method->load(*resumed.model, weights).has_value());
        const auto written = run.optimizer->state(), read = resumed.optimizer->state();
        QCOMPARE(read.size(), written.size());
        bool anything = false;
        for (std::size_t i = 0; i < read.size(); ++i) {
            QCOMPARE(read[i].tensor.scalar_type(), written[i].tensor.scalar_type());
            QVERIFY2(at::equal(read[i].tensor, written[i].tensor), read[i].name.c_str());
            anything |= read[i].tensor.to(at::kDouble).abs().sum().item<double>() > 0;
        }
        QVERIFY(anything && resumed.optimizer->stepCount() == 3);
        for (std::uint64_t step = 4; step <= 6; ++step)
            run.step(step), resumed.step(step);
        const auto left = run.model->trainable(), right = resumed.model->trainable();
        for (std::size_t i = 0; i < left.size(); ++i)
            QVERIFY2(at::equal(left[i]->value, right[i]->value), left[i]->name.c_str());
    }
};

ATTUNE_TEST(TestOptimizerCheckpoints)
#include "tst_optimizer_checkpoints.moc"
