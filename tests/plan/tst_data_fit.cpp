// Which objectives suit rows, what each method would cost, and knobs that act only beside others.
#include <QtTest>

#include "core/plan/data_fit.h"
#include "core/plan/method_costs.h"
#include "core/plan/param_check.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

Catalog threeObjectives() {
    Catalog catalog;
    catalog.objectives = {{{"sft", "", "", {}}, "chat", {"chat", "text"}}, {{"dpo", "", "", {}}, "preference"}, {{"kto", "", "", {}}, "unpaired"}};
    return catalog;
}

} // namespace

class DataFitTest : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void whatFitsComesFirst() {
        const Catalog catalog = threeObjectives();
        const auto fits = fitObjectives(catalog, {{"preference", 30}, {"text", 0}});
        QCOMPARE(fits.size(), std::size_t{3});
        QCOMPARE(fits[0].objective->description.id, std::string("dpo"));
        QCOMPARE(fits[0].usableRows, 30);
        QVERIFY(fits[0].fits() && !fits[1].fits() && !fits[2].fits());
        QCOMPARE(fits[1].objective->description.id, std::string("sft")); // the catalog's order among the others
        QCOMPARE(fits[2].objective->description.id, std::string("kto"));
    }
    void mixedRowsAreCountedByUse() {
        const Catalog catalog = threeObjectives();
        const KindCounts rows{{"chat", 10}, {"text", 5}, {"unpaired", 85}};
        const auto fits = fitObjectives(catalog, rows);
        QCOMPARE(fits[0].usableRows, 15);
        QCOMPARE(fits[0].rows, 100);
        QCOMPARE(fits[1].usableRows, 85);
        QCOMPARE(mainKind(rows), std::string("unpaired"));
        QCOMPARE(mainKind({}), std::string());
        QVERIFY(!fitObjectives(catalog, {}).front().fits());
    }
    void conditionsLookAtTheOtherKnob() {
        ParamSpec type, smoothing;
        type.key = "loss_type", type.defaultValue = std::string("sigmoid"), type.choices = {"sigmoid", "robust", "cdpo"};
        smoothing.key = "label_smoothing", smoothing.defaultValue = 0.0, smoothing.onlyWhen = "loss_type=robust|cdpo";
        const std::vector<ParamSpec> specs{type, smoothing};
        QVERIFY(takesEffect(type, {}, specs));
        QVERIFY(!takesEffect(smoothing, {}, specs)); // the default is sigmoid
        QVERIFY(takesEffect(smoothing, {{"loss_type", std::string("robust")}}, specs));
        QVERIFY(takesEffect(smoothing, {{"loss_type", std::string("cdpo")}}, specs));
        QVERIFY(!takesEffect(smoothing, {{"loss_type", std::string("rob")}}, specs));
    }
    void everyMethodIsWeighedAgainstTheComputer() {
        ModelConfig model;
        model.vocabularySize = 32000, model.hiddenSize = 4096, model.layers = 32, model.heads = model.kvHeads = 32, model.headDim = 128;
        model.intermediateSize = 11008, model.contextLength = 4096;
        Catalog catalog;
        ParamSpec rank;
        rank.key = "r", rank.defaultValue = std::int64_t{16};
        catalog.methods = {{{"lora", "", "", {rank}}, true}, {{"qlora", "", "", {rank}}, true}, {{"full", "", "", {}}, false}};
        Computer computer;
        computer.cores = 8, computer.bf16 = true, computer.memoryBytes = 16'000'000'000, computer.freeMemoryBytes = 9'000'000'000;
        RunConfig config;
        config.method.params["r"] = std::int64_t{32};
        const auto costs = methodCosts(model, config, catalog, {1000, 300, 100, 600}, computer);
        QCOMPARE(costs.size(), std::size_t{3});
        // 6.7 billion weights: 13.5 GB in bf16, 3.9 GB in 4 bits with the tables in bf16, 16 bytes each when all are trained.
        QVERIFY(costs[0].fit != MemoryFit::Fits && costs[0].memory.total() > 13'000'000'000);
        QCOMPARE(costs[1].fit, MemoryFit::Fits);
        QCOMPARE(costs[2].fit, MemoryFit::TooLarge);
        QVERIFY(costs[2].memory.total() > 90'000'000'000);
        QCOMPARE(costs[0].trainable, 2 * costs[1].trainable); // its own rank 32; the other method's default is 16
        config.method = {"qlora", {}};
        QCOMPARE(methodCosts(model, config, catalog, {1000, 300, 100, 600}, computer)[0].trainable, costs[1].trainable);
    }
};

ATTUNE_TEST(DataFitTest)
#include "tst_data_fit.moc"
