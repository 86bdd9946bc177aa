#include <QtTest>

#include "core/plan/fit_recipe.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

ModelConfig seven() {
    ModelConfig model;
    model.vocabularySize = 32000, model.hiddenSize = 4096, model.layers = 32, model.heads = model.kvHeads = 32, model.headDim = 128;
    model.intermediateSize = 11008, model.contextLength = 4096;
    return model;
}

ModelConfig small() {
    ModelConfig model;
    model.vocabularySize = 49152, model.hiddenSize = 576, model.layers = 30, model.heads = 9, model.kvHeads = 3, model.headDim = 64;
    model.intermediateSize = 1536, model.contextLength = 2048, model.tiedHead = true;
    return model;
}

Catalog methods() {
    Catalog catalog;
    ParamSpec rank;
    rank.key = "r", rank.defaultValue = std::int64_t{16};
    catalog.methods = {{{"lora", "", "", {rank}}, true}, {{"qlora", "", "", {rank}}, true}, {{"full", "", "", {}}, false}};
    catalog.optimizers = {{{"adamw", "", "", {}}, [](std::int64_t r, std::int64_t c) { return 8 * r * c; }},
                          {{"adamw_8bit", "", "", {}}, [](std::int64_t r, std::int64_t c) { return 2 * r * c; }}};
    return catalog;
}

Computer withFree(double gigabytes) {
    Computer computer;
    computer.cores = 8, computer.bf16 = true;
    computer.memoryBytes = std::int64_t(64e9), computer.freeMemoryBytes = std::int64_t(gigabytes * 1e9);
    return computer;
}

bool changes(const FittedRecipe& fitted, const std::string& field) {
    return std::any_of(fitted.changes.begin(), fitted.changes.end(), [&](const FitChange& change) { return change.field == field; });
}

} // namespace

class FitRecipeTest : public QObject {
    Q_OBJECT
    const DataShape m_data{1000, 400, 100, 1800};
private Q_SLOTS:
    void whatFitsStaysAsItIs() {
        RunConfig config;
        config.training["batch_size"] = std::int64_t{64};
        const FittedRecipe fitted = fitRecipe(small(), config, methods(), m_data, withFree(9.4));
        QVERIFY(fitted.fits && fitted.changes.empty());
        QVERIFY(fitted.config == config);
    }
    void timeIsSpentBeforeAnythingElse() {
        // All activations of 1800 tokens are kept by the recipe's will: about a fifth of them is enough.
        RunConfig config;
        config.training["activations"] = std::string("keep");
        const auto needed = static_cast<double>(estimateMemory(small(), config, methods(), m_data, withFree(64)).total());
        const FittedRecipe fitted = fitRecipe(small(), config, methods(), m_data, withFree(needed / 1e9));
        QVERIFY(fitted.fits);
        QCOMPARE(fitted.changes.size(), std::size_t{1});
        QCOMPARE(fitted.changes[0].field, std::string("training.activations"));
        QCOMPARE(fitted.changes[0].after, std::string("recompute"));
        QVERIFY(fitted.after.total() < fitted.before.total() && fitted.after.total() <= fitted.limit);
    }
    void aLargeModelGoesToFourBits() {
        RunConfig config;
        config.method.id = "full";
        config.training["learning_rate"] = 2e-5; // usual for full fine-tuning
        const FittedRecipe fitted = fitRecipe(seven(), config, methods(), m_data, withFree(12));
        QVERIFY(fitted.fits);
        QCOMPARE(fitted.config.method.id, std::string("qlora"));
        QVERIFY(!changes(fitted, "optimizer")); // needless with an adapter: left out again
        QCOMPARE(std::get<double>(fitted.config.training.at("learning_rate")), 2e-4);
        config.training["learning_rate"] = 7e-6; // the user's own
        QCOMPARE(std::get<double>(fitRecipe(seven(), config, methods(), m_data, withFree(12)).config.training.at("learning_rate")), 7e-6);
    }
    void rowsAreCutOnlyAtTheEndAndNotBelowTheAverage() {
        RunConfig config;
        config.method.id = "qlora";
        const FittedRecipe fitted = fitRecipe(seven(), config, methods(), m_data, withFree(6.2));
        QVERIFY(changes(fitted, "training.max_length"));
        QVERIFY(std::get<std::int64_t>(fitted.config.training.at("max_length")) >= 400);
    }
    void whatCannotFitIsSaid() {
        const FittedRecipe fitted = fitRecipe(seven(), RunConfig{}, methods(), m_data, withFree(1));
        QVERIFY(!fitted.fits);
    }
    void aMeasuredPeakAboveTheEstimateCounts() {
        RunConfig config;
        config.training["activations"] = std::string("keep");
        const auto needed = static_cast<double>(estimateMemory(small(), config, methods(), m_data, withFree(64)).total());
        const Computer computer = withFree(needed * 1.2 / 0.85 / 1e9);
        QVERIFY(fitRecipe(small(), config, methods(), m_data, computer).changes.empty());
        QVERIFY(!fitRecipe(small(), config, methods(), m_data, computer, 1.5).changes.empty());
    }
};

ATTUNE_TEST(FitRecipeTest)
#include "tst_fit_recipe.moc"
