// Sweeps as arithmetic: which trials, in which order, how far each trains. Expected sets are worked out by hand.
#include <algorithm>
#include <cmath>
#include <set>

#include <QtTest>

#include "core/plan/param_check.h"
#include "core/plan/sweep.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

Catalog sweepCatalog() {
    ParamSpec rank, targets, flag, decay;
    rank.key = "r", rank.label = "Rank (r)", rank.defaultValue = std::int64_t{16}, rank.min = 1, rank.max = 1024;
    targets.key = "target_modules", targets.label = "Adapted layers", targets.defaultValue = std::vector<std::string>{"all-linear"};
    targets.choices = {"all-linear", "q_proj", "v_proj"};
    flag.key = "use_dora", flag.label = "DoRA", flag.defaultValue = false;
    decay.key = "weight_decay", decay.label = "Weight decay", decay.defaultValue = 0.0, decay.min = 0, decay.max = 1;
    Catalog catalog;
    catalog.methods = {{{"lora", "LoRA", "", {rank, targets, flag}}, true}, {{"full", "Full", "", {}}, false}};
    catalog.objectives = {{{"sft", "SFT", "", {}}, "chat"}};
    catalog.optimizers = {{{"adamw", "AdamW", "", {decay}}}, {{"lion", "Lion", "", {}}}};
    catalog.schedules = {{"cosine", "Cosine", "", {}}, {"linear", "Linear", "", {}}};
    return catalog;
}

RunConfig baseRecipe() {
    RunConfig config;
    config.model = "models/tiny";
    config.data.train = "rows.jsonl";
    return config;
}

SweepPlan planOver(SweepKind kind, const std::vector<std::string>& knobs, std::int64_t trials = 0) {
    SweepPlan plan;
    plan.kind = kind, plan.trials = trials, plan.rows = 100;
    for (const std::string& text : knobs) {
        auto knob = parseSweepKnob(text, baseRecipe(), sweepCatalog());
        if (!knob)
            qFatal("%s", knob.error().message.c_str());
        plan.knobs.push_back(*knob);
    }
    return plan;
}

std::vector<std::string> grid(const std::string& knob) {
    return gridValues(planOver(SweepKind::Grid, {knob}).knobs[0]);
}

using Strings = std::vector<std::string>;

} // namespace

class SweepTest : public QObject {
    Q_OBJECT

    void refused(const std::string& knob, const QStringList& words) {
        const auto read = parseSweepKnob(knob, baseRecipe(), sweepCatalog());
        QVERIFY2(!read, knob.c_str());
        const QString said = QString::fromStdString(read.error().message + " | " + read.error().hint);
        for (const QString& word : words)
            QVERIFY2(said.contains(word), qPrintable(knob.c_str() + QString(": ") + said));
    }

private Q_SLOTS:
    void knobsAreFoundByPathKeyAndName() {
        for (const char* name : {"method.r", "lora.r", "r", "rank", "Rank"}) {
            const auto knob = parseSweepKnob(std::string(name) + "=4,8", baseRecipe(), sweepCatalog());
            QVERIFY2(knob.has_value(), name);
            QCOMPARE(knob->path, std::string("method.r"));
        }
        QCOMPARE(planOver(SweepKind::Grid, {"weight_decay=0,0.1"}).knobs[0].path, std::string("optimizer.weight_decay"));
        QCOMPARE(planOver(SweepKind::Grid, {"schedule.id=cosine,linear"}).knobs[0].values, (Strings{"cosine", "linear"}));
    }

    void wrongKnobsAreRefusedWithWhatToDo() {
        refused("learning_rat=1,2", {"learning_rat", "Did you mean learning_rate"});
        refused("r=0,4", {"method.r cannot be 0", "from 1 to 1024"});
        refused("r=4..4096", {"4096", "from 1 to 1024"});
        refused("r=4..x", {"method.r", "whole number"});
        refused("r=8..4", {"does not rise"});
        refused("weight_decay=0..0.1:log", {"cannot begin at 0"});
        refused("learning_rate=1e-5..1e-3:lgo", {"lgo", "log"});
        refused("learning_rate=1e-5..1e-3:1", {"2 to 1000"});
        refused("schedule.id=linear,cosin", {"cosin", "Did you mean cosine"});
        refused("use_dora=yes", {"true or false"});
        refused("r=", {"no value"});
        refused("=4", {"names no values"});
        refused("learning_rate=nan,1e-3", {"cannot be nan"});
        refused("learning_rate=1e-5..inf", {"cannot be inf"});
    }

    void gridPointsAreNeat() {
        QCOMPARE(grid("learning_rate=1e-4..1e-2:log"), (Strings{"1e-04", "0.001", "0.01"}));
        QCOMPARE(grid("learning_rate=1e-5..1e-3:log:5"), (Strings{"1e-05", "3.16e-05", "1e-04", "0.000316", "0.001"}));
        QCOMPARE(grid("weight_decay=0..0.3:4"), (Strings{"0", "0.1", "0.2", "0.3"}));
        QCOMPARE(grid("r=4..64:log:5"), (Strings{"4", "8", "16", "32", "64"}));
        QCOMPARE(grid("r=1..3:9"), (Strings{"1", "2", "3"})); // rounded to whole numbers, each once
        QCOMPARE(grid("learning_rate=1e-3,0.001,1e-4"), (Strings{"0.001", "1e-04"}));
        QCOMPARE(grid("target_modules=q_proj+v_proj,all-linear"), (Strings{"q_proj, v_proj", "all-linear"}));
    }

    void textsComeBack() {
        for (const char* text : {"learning_rate=1e-5..1e-3:log:5", "r=4,8,16", "target_modules=q_proj+v_proj,all-linear", "use_dora=true,false",
                                 "weight_decay=0..0.3"}) {
            const SweepKnob knob = planOver(SweepKind::Grid, {text}).knobs[0];
            const auto again = parseSweepKnob(sweepKnobText(knob), baseRecipe(), sweepCatalog());
            QVERIFY2(again && *again == knob, sweepKnobText(knob).c_str());
        }
        SweepPlan plan = planOver(SweepKind::Halving, {"learning_rate=1e-5..1e-3:log", "r=4,8"}, 9);
        plan.seed = 7, plan.metric = "loss";
        const auto back = sweepPlanFromJson(Json::parse(sweepPlanToJson(plan).dump()), baseRecipe(), sweepCatalog());
        QVERIFY(back && *back == plan);
        for (const char* broken : {"[]", "{}", R"({"kind":"grid","knobs":[1],"trials":0,"metric":"loss","seed":1,"eta":3,"rows":1})",
                                   R"({"kind":"grid","knobs":[],"trials":0,"metric":"loss","seed":1,"eta":3,"rows":1})",
                                   R"({"kind":"grid","knobs":["r=1"],"trials":-1,"metric":"loss","seed":1,"eta":3,"rows":1})"})
            QVERIFY2(!sweepPlanFromJson(Json::parse(broken), baseRecipe(), sweepCatalog()), broken);
    }

    void aGridIsEveryCombinationInOrder() {
        const auto trials = sweepTrials(planOver(SweepKind::Grid, {"learning_rate=1e-4,1e-3", "r=4,8,16"}), baseRecipe(), sweepCatalog());
        QVERIFY(trials);
        QCOMPARE(*trials, (std::vector<Strings>{{"1e-04", "4"}, {"1e-04", "8"}, {"1e-04", "16"}, {"0.001", "4"}, {"0.001", "8"}, {"0.001", "16"}}));
        const auto recipe = trialRecipe(planOver(SweepKind::Grid, {"learning_rate=1e-4,1e-3", "r=4,8,16"}), 6, baseRecipe(), (*trials)[4], sweepCatalog());
        QVERIFY(recipe);
        QCOMPARE(std::get<double>(recipe->training.at("learning_rate")), 0.001);
        QCOMPARE(std::get<std::int64_t>(recipe->method.params.at("r")), 8);
        const auto many = sweepTrials(planOver(SweepKind::Grid, {"r=1..1024:1000", "learning_rate=1e-5,1e-4"}), baseRecipe(), sweepCatalog());
        QVERIFY(!many && QString::fromStdString(many.error().message).contains("at most 1000"));
    }

    void choicesComeBeforeTheirSettings() {
        const SweepPlan plan = planOver(SweepKind::Grid, {"weight_decay=0.1", "optimizer.id=adamw,lion"});
        const auto trials = sweepTrials(plan, baseRecipe(), sweepCatalog()); // Lion has no weight_decay in this catalog
        QVERIFY(!trials && QString::fromStdString(trials.error().message).contains("weight_decay"));
        QVERIFY(sweepTrials(planOver(SweepKind::Grid, {"weight_decay=0.1,0.2", "schedule.id=linear,cosine"}), baseRecipe(), sweepCatalog()));
        const SweepPlan twice = planOver(SweepKind::Grid, {"r=4", "rank=8"});
        QVERIFY(!sweepTrials(twice, baseRecipe(), sweepCatalog()));
    }

    void drawnTrialsAreDistinctSeededAndInsideTheirRange() {
        SweepPlan plan = planOver(SweepKind::Random, {"learning_rate=1e-5..1e-2:log", "r=4..64"}, 200);
        const auto first = sweepTrials(plan, baseRecipe(), sweepCatalog()), again = sweepTrials(plan, baseRecipe(), sweepCatalog());
        QVERIFY(first && again);
        QCOMPARE(*first, *again);
        QCOMPARE(first->size(), std::size_t{200});
        QCOMPARE(std::set<Strings>(first->begin(), first->end()).size(), std::size_t{200});
        int small = 0;
        for (const Strings& trial : *first) {
            const double rate = std::stod(trial[0]);
            const int rank = std::stoi(trial[1]);
            QVERIFY(rate >= 1e-5 && rate <= 1e-2 && rank >= 4 && rank <= 64);
            small += rate < 1e-4 ? 1 : 0;
        }
        // A third of a logarithmic range of three decades lies below its first third: 67 of 200, 4 standard deviations of 6.7.
        QVERIFY2(small > 40 && small < 94, qPrintable(QString::number(small)));
        plan.seed = 43;
        QVERIFY(*sweepTrials(plan, baseRecipe(), sweepCatalog()) != *first);
    }

    void aSmallSpaceIsTriedWhole() {
        const auto trials = sweepTrials(planOver(SweepKind::Random, {"r=4,8", "schedule.id=linear,cosine"}, 30), baseRecipe(), sweepCatalog());
        QVERIFY(trials);
        QCOMPARE(trials->size(), std::size_t{4});
        const auto whole = sweepTrials(planOver(SweepKind::Random, {"r=3..7"}, 30), baseRecipe(), sweepCatalog());
        QCOMPARE(*whole, (std::vector<Strings>{{"3"}, {"4"}, {"5"}, {"6"}, {"7"}}));
    }

    void halvingHasTheRungsOfThePaper() {
        const SweepPlan plan = planOver(SweepKind::Halving, {"r=1..64"}, 9);
        QCOMPARE(rungCount(plan, 9), 3);
        QCOMPARE(rungCount(plan, 8), 2);
        QCOMPARE(rungCount(plan, 27), 4);
        QCOMPARE(rungCount(plan, 2), 1);
        for (const auto& [rung, trials, steps] : {std::tuple{0, 9u, 10}, std::tuple{1, 3u, 30}, std::tuple{2, 1u, 0}}) {
            QCOMPARE(trialsAtRung(plan, 9, rung), std::size_t{trials});
            RunConfig recipe;
            recipe.training["max_steps"] = std::int64_t{90};
            QCOMPARE(stepsAtRung(plan, 9, recipe, rung), std::int64_t{steps});
        }
        // 100 rows in batches of 8: 13 steps an epoch, 39 in three. 39 / 9 is 4.33: rungs at 4, 12 and 36.
        const auto recipe = trialRecipe(plan, 9, baseRecipe(), {"4"}, sweepCatalog());
        QVERIFY(recipe);
        QCOMPARE(std::get<std::int64_t>(recipe->training.at("max_steps")), 36);
        QCOMPARE(std::get<std::int64_t>(recipe->training.at("eval_every")), 4);
        QCOMPARE(stepsAtRung(plan, 9, *recipe, 0), 4);
        QCOMPARE(stepsAtRung(plan, 9, *recipe, 1), 12);
        RunConfig finer = baseRecipe();
        finer.training["eval_every"] = std::int64_t{2}; // 2 divides 4: measured as the recipe says
        QCOMPARE(std::get<std::int64_t>(trialRecipe(plan, 9, finer, {"4"}, sweepCatalog())->training.at("eval_every")), 2);
        RunConfig tooShort = baseRecipe();
        tooShort.training["max_steps"] = std::int64_t{8};
        const auto refusal = trialRecipe(plan, 9, tooShort, {"4"}, sweepCatalog());
        QVERIFY(!refusal && QString::fromStdString(refusal.error().message).contains("need 9"));
        const auto own = sweepTrials(planOver(SweepKind::Halving, {"epochs=1,2"}, 2), baseRecipe(), sweepCatalog());
        QVERIFY(!own && QString::fromStdString(own.error().message).contains("training.epochs"));
    }

    // Nine trials whose losses are known beforehand: 5, 2, 9, 1, 7, 3, 8, 4, 6 at every rung. Trial 3 (the best) fails later.
    void halvingPromotesTheBestAndContinuesThem() {
        const SweepPlan plan = planOver(SweepKind::Halving, {"r=1..64"}, 9);
        const std::vector<double> loss{5, 2, 9, 1, 7, 3, 8, 4, 6};
        std::vector<TrialOutcome> outcomes(9);
        std::vector<std::pair<std::size_t, int>> order;
        while (const auto next = nextTrial(plan, outcomes)) {
            order.emplace_back(next->trial, next->rung);
            if (next->trial == 3 && next->rung == 1)
                outcomes[3].failed = true;
            else
                outcomes[next->trial].results.push_back(loss[next->trial]);
        }
        const std::vector<std::pair<std::size_t, int>> expected{{0, 0}, {1, 0}, {2, 0}, {3, 0}, {4, 0}, {5, 0}, {6, 0}, {7, 0}, {8, 0},
                                                                {3, 1}, {1, 1}, {5, 1}, {1, 2}};
        QCOMPARE(order, expected);
        QCOMPARE(sweepRanking(plan, outcomes), (std::vector<std::size_t>{1, 5, 7, 0, 8, 4, 6, 2}));
    }

    void aHigherMetricCanBeBetter() {
        SweepPlan plan = planOver(SweepKind::Grid, {"r=1,2,3"});
        std::vector<TrialOutcome> outcomes{{{0.5}, false}, {{0.9}, false}, {{0.7}, true}};
        QCOMPARE(sweepRanking(plan, outcomes), (std::vector<std::size_t>{0, 1}));
        plan.metric = "validation_rewards/accuracies";
        QCOMPARE(sweepRanking(plan, outcomes), (std::vector<std::size_t>{1, 0}));
        QVERIFY(!nextTrial(plan, outcomes));
        QVERIFY(!findSweepMetric("validation_los") && QString::fromStdString(findSweepMetric("validation_los").error().hint).contains("validation_loss"));
    }

    void theEstimateAddsWhatIsTrained() {
        ModelConfig model;
        model.vocabularySize = 1000, model.hiddenSize = 64, model.layers = 2, model.heads = 4, model.kvHeads = 4, model.headDim = 16;
        model.intermediateSize = 128, model.contextLength = 256;
        Computer computer;
        computer.cores = 2, computer.memoryBytes = computer.freeMemoryBytes = 8'000'000'000;
        const DataShape data{100, 60, 20, 90};
        RunConfig recipe = baseRecipe();
        recipe.training["max_steps"] = std::int64_t{90};
        const Catalog catalog = sweepCatalog();
        const auto grid = estimateSweep(planOver(SweepKind::Grid, {"r=4,8"}), recipe, model, data, computer, catalog);
        QVERIFY(grid);
        QCOMPARE(grid->steps, std::int64_t{180});
        RunConfig eight = recipe, four = recipe;
        four.method.params["r"] = std::int64_t{4}, eight.method.params["r"] = std::int64_t{8};
        const double sum = estimateTime(model, four, catalog, data, computer).seconds + estimateTime(model, eight, catalog, data, computer).seconds;
        QVERIFY(std::abs(grid->seconds - sum) < 1e-9 * sum);
        // 9 to step 10, 3 from 10 to 30, 1 from 30 to 90: 90 + 60 + 60 steps.
        const auto halving = estimateSweep(planOver(SweepKind::Halving, {"r=1..64"}, 9), recipe, model, data, computer, catalog);
        QVERIFY(halving);
        QCOMPARE(halving->trials, std::size_t{9});
        QCOMPARE(halving->steps, std::int64_t{210});
    }
};

ATTUNE_TEST(SweepTest)
#include "tst_sweep.moc"
