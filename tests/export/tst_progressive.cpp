// Progressive blocks on every family's golden model: the deeper model begins as the base to the bit, trains only what is new, and its
// exported folder opens as the same deeper model.
#include <QTemporaryDir>
#include <QtTest>

#include <set>

#include <ATen/ATen.h>

#include "core/base/json.h"
#include "core/base/rng.h"
#include "core/export/merged_exporter.h"
#include "core/export/weight_reader.h"
#include "core/methods/method.h"
#include "core/nn/decoder.h"
#include "core/nn/inserted_blocks.h"
#include "core/nn/training_pass.h"
#include "core/optim/optimizer.h"
#include "tests/support/test_data.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

const fs::path kGoldenFolder = fs::path(ATTUNE_SOURCE_DIR) / "tests/golden/families";

template <class T>
T valueOrDie(Result<T> result) {
    if (!result)
        qFatal("%s", result.error().message.c_str());
    return std::move(*result);
}

std::unique_ptr<CausalLm> openModel(const fs::path& folder, at::ScalarType type) {
    return valueOrDie(readModel(valueOrDie(ModelSource::open(folder)), {type, at::kCPU}));
}

PackedTokens someRows(const CausalLm& model) {
    PackedTokens batch;
    Rng rng(4);
    batch.rowStarts = {0};
    for (const int length : {9, 14}) {
        for (int t = 0; t < length; ++t)
            batch.ids.push_back(static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(model.config().vocabularySize))));
        for (int t = 0; t < length; ++t)
            batch.targets.push_back(t + 1 < length ? batch.ids[batch.ids.size() - static_cast<std::size_t>(length) + static_cast<std::size_t>(t) + 1] : -100);
        batch.rowStarts.push_back(static_cast<std::int32_t>(batch.ids.size()));
    }
    return batch;
}

at::Tensor scoresOf(CausalLm& model, const PackedTokens& batch) {
    TrainingPass pass(model);
    if (!pass.forward(batch, {.keepForBackward = false, .training = false}))
        qFatal("no forward");
    return valueOrDie(pass.targetLogProbs()).clone();
}

at::Tensor lastLogits(CausalLm& model) {
    Decoder decoder(model);
    return valueOrDie(decoder.prefill({{1, 2, 3, 4, 5}, {6, 7}})).clone();
}

// Whether it can be attached: models with attention over a window in some blocks say why not.
bool deepen(CausalLm& model, std::int64_t blocks) {
    const auto attached = findMethod("progressive")->attach(model, {{"new_blocks", blocks}}, 1);
    if (!attached && attached.error().code != ErrorCode::Unsupported)
        qFatal("%s", attached.error().message.c_str());
    return attached.has_value();
}

void trainSteps(CausalLm& model, const PackedTokens& batch, int steps) {
    auto optimizer = valueOrDie(builtinOptimizers().front().make(model.trainable(), {}));
    TrainingPass pass(model);
    const auto targets = std::count_if(batch.targets.begin(), batch.targets.end(), [](std::int64_t id) { return id != -100; });
    for (int step = 0; step < steps; ++step) {
        if (!pass.forward(batch, {}) || !pass.targetLogProbsWithGradient(at::full({targets}, 1.0 / static_cast<double>(targets), at::kDouble)) ||
            !pass.backward())
            qFatal("no step");
        optimizer->step(0.01, 0);
        model.refreshComputeWeights();
    }
}

} // namespace

class TestProgressive : public QObject {
    Q_OBJECT

    void folders() {
        QTest::addColumn<QString>("family");
        for (const auto& entry : fs::directory_iterator(kGoldenFolder))
            QTest::newRow(entry.path().filename().c_str()) << QString::fromStdString(entry.path().filename().string());
    }

private Q_SLOTS:
    void itBeginsAsTheBase_data() { folders(); }
    void itBeginsAsTheBase() {
        QFETCH(QString, family);
        const fs::path folder = kGoldenFolder / family.toStdString();
        for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kDouble}) {
            auto base = openModel(folder, type), deeper = openModel(folder, type);
            const std::int64_t layers = base->config().layers;
            if (!deepen(*deeper, layers))
                QSKIP("blocks differ by their number");
            QCOMPARE(deeper->config().layers, 2 * layers);
            QVERIFY(hasInsertedBlocks(*deeper) && !hasInsertedBlocks(*base));
            const PackedTokens batch = someRows(*base);
            QVERIFY(at::equal(scoresOf(*base, batch), scoresOf(*deeper, batch)));
            QVERIFY(at::equal(lastLogits(*base), lastLogits(*deeper)));
            std::set<std::string> names;
            for (const auto& named : deeper->baseTensors())
                QVERIFY2(names.insert(named.name).second, named.name.c_str());
        }
    }

    void onlyNewBlocksLearnAndTheExportOpens_data() { folders(); }
    void onlyNewBlocksLearnAndTheExportOpens() {
        QFETCH(QString, family);
        const fs::path folder = kGoldenFolder / family.toStdString();
        auto base = openModel(folder, at::kFloat), model = openModel(folder, at::kFloat);
        if (!deepen(*model, 1))
            QSKIP("blocks differ by their number");
        const PackedTokens batch = someRows(*model);
        const at::Tensor before = scoresOf(*model, batch);
        trainSteps(*model, batch, 8);
        const at::Tensor after = scoresOf(*model, batch);
        QVERIFY(after.mean().item<double>() > before.mean().item<double>() + 0.01);

        std::map<std::string, at::Tensor> ofBase;
        for (const auto& named : base->baseTensors())
            ofBase[named.name] = named.tensor;
        int moved = 0;
        for (const auto& named : model->baseTensors()) {
            const std::size_t digit = std::string("model.layers.").size();
            const bool inBlock = named.name.starts_with("model.layers.");
            const auto number = inBlock ? std::stoul(named.name.substr(digit)) : 0;
            const bool isNew = inBlock && number > 0 && model->blocks[number].origin == model->blocks[number - 1].origin;
            const bool same = at::equal(named.tensor, ofBase.at(nameInBase(*model, named.name)));
            moved += isNew && !same;
            QVERIFY2(isNew || same, named.name.c_str());
        }
        QVERIFY(moved >= 6);

        const ModelSource source = valueOrDie(ModelSource::open(folder));
        const ModelFamily& kind = *findFamily(model->config().architecture);
        QTemporaryDir out;
        const fs::path written = fs::path(out.path().toStdString()) / "model";
        const ExportInput input{source, kind, *model, folder.string()};
        const auto files = makeMergedExporter()->write(input, written, {});
        QVERIFY2(files.has_value(), files ? "" : files.error().message.c_str());
        auto opened = openModel(written, at::kFloat);
        QCOMPARE(opened->config().layers, base->config().layers + 1);
        const auto stored = opened->baseTensors(), trained = model->baseTensors();
        QCOMPARE(stored.size(), trained.size());
        for (std::size_t i = 0; i < stored.size(); ++i) {
            QCOMPARE(stored[i].name, trained[i].name);
            // The files may be narrower than the masters.
            QVERIFY2(at::allclose(stored[i].tensor, trained[i].tensor, 1e-2, 1e-2), stored[i].name.c_str());
        }
        QVERIFY((scoresOf(*opened, batch) - after).abs().max().item<double>() < 0.05);
    }

    void badSettingsAreRefused() {
        auto model = openModel(kGoldenFolder / "llama", at::kFloat);
        const Method& method = *findMethod("progressive");
        QVERIFY(!method.attach(*model, {{"new_blocks", std::int64_t{0}}}, 1));
        const auto tooMany = method.attach(*model, {{"new_blocks", model->config().layers + 1}}, 1);
        QVERIFY(!tooMany && tooMany.error().message.find(std::to_string(model->config().layers)) != std::string::npos);
        auto packed = openModel(kGoldenFolder / "llama", at::kFloat);
        packed->packLinears();
        QVERIFY(!method.attach(*packed, {{"new_blocks", std::int64_t{1}}}, 1));
    }
};

ATTUNE_TEST(TestProgressive)
#include "tst_progressive.moc"
