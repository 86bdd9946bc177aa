#include <fstream>

#include <QTemporaryDir>
#include <QtTest>

#include <cmath>

#include "core/plan/param_check.h"
#include "core/plan/presets.h"
#include "core/plan/run_config.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

Catalog testCatalog() {
    ParamSpec rank, alpha, targets, flag, init;
    rank.key = "r", rank.defaultValue = std::int64_t{16}, rank.min = 1, rank.max = 1024;
    alpha.key = "alpha", alpha.defaultValue = 32.0, alpha.min = 0.001;
    targets.key = "target_modules", targets.defaultValue = std::vector<std::string>{"all-linear"};
    targets.choices = {"all-linear", "q_proj", "v_proj"};
    flag.key = "use_rslora", flag.defaultValue = false;
    init.key = "init", init.defaultValue = std::string("kaiming"), init.choices = {"kaiming", "gaussian"};
    Catalog catalog;
    catalog.methods = {{{"lora", "LoRA", "", {rank, alpha, targets, flag, init}}, true},
                       {{"full", "Full", "", {}}, false}};
    catalog.objectives = {{{"sft", "SFT", "", {}}, "chat"}};
    catalog.optimizers = {{{"adamw", "AdamW", "", {}}}, {{"lion", "Lion", "", {}}}};
    catalog.schedules = {{"cosine", "Cosine", "", {}}, {"linear", "Linear", "", {}}};
    return catalog;
}

constexpr const char* kRecipe = R"(
name: "first: try"
model: models/tiny
data:
  train: data/train.jsonl
  validation_share: 0.2
method:
  id: lora
  r: 8
  target_modules: [q_proj, v_proj]
  use_rslora: true
schedule: linear
training:
  learning_rate: 1e-4
  epochs: 2
  batch_size: 4   # rows
  sample_prompts:
    - "Hello, you: there"
    - 'it''s'
)";

} // namespace

class RunConfigTest : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void readsARecipe() {
        const auto config = parseRunConfig(kRecipe, testCatalog(), "recipe.yaml");
        QVERIFY2(config.has_value(), config ? "" : config.error().message.c_str());
        QCOMPARE(config->name, std::string("first: try"));
        QCOMPARE(config->data.validationShare, 0.2);
        QCOMPARE(config->method.id, std::string("lora"));
        QCOMPARE(std::get<std::int64_t>(config->method.params.at("r")), 8);
        QCOMPARE(std::get<bool>(config->method.params.at("use_rslora")), true);
        QCOMPARE(std::get<std::vector<std::string>>(config->method.params.at("target_modules")),
                 (std::vector<std::string>{"q_proj", "v_proj"}));
        QCOMPARE(config->schedule.id, std::string("linear"));
        QCOMPARE(config->optimizer.id, std::string("adamw")); // not named: the default
        QCOMPARE(paramDouble(config->training, trainingParams().params, "learning_rate"), 1e-4);
        QCOMPARE(paramDouble(config->training, trainingParams().params, "epochs"), 2.0);
        QCOMPARE(paramInt(config->training, trainingParams().params, "seed"), 42);
        QCOMPARE(paramList(config->training, trainingParams().params, "sample_prompts"),
                 (std::vector<std::string>{"Hello, you: there", "it's"}));
    }
    void jsonIsYamlToo() {
        const auto config = parseRunConfig(
            R"({"model": "m", "data": {"train": "t"}, "method": {"id": "full"}, "training": {"max_steps": 5}})",
            testCatalog(), "r");
        QVERIFY(config && config->method.id == "full");
        QCOMPARE(paramInt(config->training, trainingParams().params, "max_steps"), 5);
    }
    void roundTripKeepsEveryValue() {
        auto config = *parseRunConfig(kRecipe, testCatalog(), "r");
        config.name = "quotes \" and \\ and: # \n new line, ~ Gr\xC3\xBC\xC3\x9F";
        config.data.datasetVersion = 7;
        config.data.validation = "null";
        config.training["learning_rate"] = 0.1 + 0.2; // not a short decimal
        config.training["precision"] = std::string("f32");
        config.training["seed"] = std::int64_t{9007199254740991};
        config.training["sample_prompts"] = std::vector<std::string>{"", "- a", "true", "~", "12", "multi\nline"};
        const auto back = parseRunConfig(toYaml(config), testCatalog(), "written");
        QVERIFY2(back.has_value(), back ? "" : back.error().message.c_str());
        QVERIFY2(*back == config, toYaml(*back).c_str());
        QVERIFY(*parseRunConfig(toYaml(RunConfig{}), testCatalog(), "empty") == RunConfig{});
    }
    void faultsNameLineKeyAndNextStep_data() {
        QTest::addColumn<QByteArray>("yaml");
        QTest::addColumn<QByteArray>("inMessage");
        QTest::addColumn<QByteArray>("inHint");
        const auto row = [](const char* name, const char* yaml, const char* message, const char* hint) {
            QTest::newRow(name) << QByteArray(yaml) << QByteArray(message) << QByteArray(hint);
        };
        row("misspelt setting", "model: m\ntraining:\n  learning_rat: 1",
            "r.yaml, line 3: training: there is no setting \"learning_rat\"", "Did you mean learning_rate?");
        row("misspelt section", "model: m\ntrainig:\n  epochs: 1", "\"trainig\"", "Did you mean training?");
        row("misspelt method", "method: lorra", "there is no method \"lorra\"", "Did you mean lora?");
        row("unknown method", "method: something", "something", "Allowed: lora, full");
        row("out of range", "training:\n  batch_size: 0", "training.batch_size cannot be 0", "from 1 to 65536");
        row("not a number", "training:\n  epochs: many", "training.epochs must be a number, not \"many\"",
            "Give a number");
        row("whole number wanted", "training:\n  batch_size: 1.5", "must be a whole number", "");
        row("not a choice", "training:\n  precision: bf17", "training.precision cannot be \"bf17\"",
            "Did you mean bf16?");
        row("not a boolean", "method: {id: lora, use_rslora: maybe}", "true or false", "");
        row("wrong list entry", "method: {id: lora, target_modules: [q_proj, k]}", "cannot be \"k\"", "all-linear");
        row("infinite", "training:\n  learning_rate: inf", "learning_rate", "");
        row("nan", "training:\n  learning_rate: nan", "learning_rate", "");
        row("data key", "data:\n  trian: x", "\"trian\"", "Did you mean train?");
        row("twice", "model: a\nmodel: b", "line 2: the key \"model\" appears twice", "");
        row("list for text", "model: [a]", "model must be one text", "");
        row("not a recipe", "just text", "is not a recipe", "sections");
        row("broken", "model: \"open", "r.yaml, line", "");
        row("two documents", "model: a\n---\nmodel: b", "one document", "");
        row("tag", "model: !!binary aGk=", "tags", "");
        row("anchor", "model: &a x\nname: *a", "anchors", "");
        row("map as key", "? {a: 1}\n: x", "key must be a word", "");
    }
    void faultsNameLineKeyAndNextStep() {
        QFETCH(QByteArray, yaml);
        QFETCH(QByteArray, inMessage);
        QFETCH(QByteArray, inHint);
        const auto config = parseRunConfig(yaml.toStdString(), testCatalog(), "r.yaml");
        QVERIFY(!config);
        QCOMPARE(config.error().code, ErrorCode::InvalidData);
        QVERIFY2(config.error().message.find(inMessage.toStdString()) != std::string::npos,
                 config.error().message.c_str());
        QVERIFY2(config.error().hint.find(inHint.toStdString()) != std::string::npos, config.error().hint.c_str());
    }
    void hostileRecipesAreRefusedQuickly() {
        // The "billion laughs": each level names the one before nine times.
        std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n";
        for (char c = 'b'; c <= 'i'; ++c) {
            bomb += std::string(1, c) + ": &" + c + " [";
            for (int i = 0; i < 9; ++i)
                bomb += std::string(i ? "," : "") + "*" + static_cast<char>(c - 1);
            bomb += "]\n";
        }
        QVERIFY(!parseRunConfig(bomb, testCatalog(), "bomb"));
        QVERIFY(!parseRunConfig(std::string(100000, '['), testCatalog(), "deep"));
        std::string nested = "a: 1\n";
        for (int i = 0; i < 500; ++i)
            nested += std::string(static_cast<std::size_t>(i), ' ') + "k:\n";
        QVERIFY(!parseRunConfig(nested, testCatalog(), "nested"));
        std::string many = "training:\n  sample_prompts: [";
        for (int i = 0; i < 30000; ++i)
            many += "x,";
        const auto tooMany = parseRunConfig(many + "x]", testCatalog(), "many");
        QVERIFY(!tooMany && tooMany.error().message.find("20000") != std::string::npos);
        QVERIFY(!parseRunConfig(std::string(2 << 20, 'a'), testCatalog(), "large"));
        QVERIFY(!parseRunConfig("", testCatalog(), "empty"));
        QVERIFY(!parseRunConfig(std::string("\0\xFF\xFE\x01", 4), testCatalog(), "bytes"));
    }
    void pathsAreRelativeToTheRecipe() {
        const QTemporaryDir folder;
        const fs::path file = fs::path(folder.path().toStdString()) / "recipe.yaml";
        std::ofstream(file) << "model: ../m\ndata:\n  train: rows.jsonl\n  test: /absolute/rows.jsonl\n";
        const auto config = readRunConfig(file, testCatalog());
        QVERIFY(config.has_value());
        QCOMPARE(fs::path(config->model), (file.parent_path() / "../m").lexically_normal());
        QCOMPARE(fs::path(config->data.train), file.parent_path() / "rows.jsonl");
        QCOMPARE(config->data.test, std::string("/absolute/rows.jsonl"));
        QVERIFY(config->data.validation.empty());
        QVERIFY(!readRunConfig(file.parent_path() / "none.yaml", testCatalog()));
    }
    void assignmentsByPath() {
        const Catalog catalog = testCatalog();
        RunConfig config;
        for (const char* good : {"training.learning_rate=1e-3", "lora.r=4", "method.alpha=8", "data.train=a=b.jsonl",
                                 "data.validation_share=0", "model=x", "schedule.id=linear"})
            QVERIFY2(setByPath(config, good, catalog), good);
        QCOMPARE(std::get<std::int64_t>(config.method.params.at("r")), 4);
        QCOMPARE(std::get<double>(config.method.params.at("alpha")), 8.0);
        QCOMPARE(config.data.train, std::string("a=b.jsonl"));
        const RunConfig before = config;
        for (const char* bad : {"", "=1", "training", "training.epoch=1", "lora.r=0", "lora.rank=4", "method.id=lorra",
                                "full.r=2", "data.validation_share=2", "other.x=1", "training.=1"}) {
            const auto status = setByPath(config, bad, catalog);
            QVERIFY2(!status && !status.error().message.empty() && !status.error().hint.empty(), bad);
        }
        QVERIFY(config == before); // what failed changed nothing
        QVERIFY(setByPath(config, "method.id=full", catalog));
        QVERIFY(config.method.params.empty());
    }
    void checksFindEveryFault() {
        const Catalog catalog = testCatalog();
        RunConfig good;
        good.model = "m", good.data.train = "t";
        QVERIFY(checkRunConfig(good, catalog).empty());
        const auto fields = [&](const RunConfig& config) {
            std::vector<std::string> names;
            for (const Complaint& complaint : checkRunConfig(config, catalog))
                names.push_back((complaint.severity == Complaint::Severity::Error ? "" : "?") + complaint.field);
            return names;
        };
        QCOMPARE(fields(RunConfig{}), (std::vector<std::string>{"model", "data.train"}));
        RunConfig bad = good;
        bad.method.params["r"] = std::int64_t{0};
        bad.method.params["rank"] = std::int64_t{1};
        bad.training["batch_size"] = std::string("eight");
        bad.optimizer.id = "sgd";
        QCOMPARE(fields(bad),
                 (std::vector<std::string>{"method.r", "method.rank", "optimizer", "training.batch_size"}));
        RunConfig hot = good;
        hot.method.id = "full"; // with the adapter's learning rate
        hot.training["learning_rate"] = 2e-4;
        hot.training["epochs"] = 50.0;
        hot.data.validationShare = 0;
        QCOMPARE(fields(hot),
                 (std::vector<std::string>{"?data.validation_share", "?training.learning_rate", "?training.epochs"}));
    }
    void lionWantsALowerRate() {
        RunConfig config;
        config.model = "m", config.data.train = "t", config.optimizer.id = "lion";
        const auto complaints = checkRunConfig(config, testCatalog()); // with the default rate
        QCOMPARE(complaints.size(), std::size_t{1});
        QCOMPARE(complaints[0].field, std::string("training.learning_rate"));
        QVERIFY(complaints[0].severity == Complaint::Severity::Warning && complaints[0].hint.find("2.5e-05") != std::string::npos);
        config.training["learning_rate"] = 5e-5;
        QVERIFY(checkRunConfig(config, testCatalog()).empty());
    }
    void whatIsHighDependsOnTheModelsWidth() {
        RunConfig config;
        config.model = "m", config.data.train = "t";
        config.training = {{"learning_rate", 4e-3}, {"epochs", 12.0}};
        const auto fields = [&](std::int64_t hiddenSize) {
            std::vector<std::string> names;
            for (const Complaint& complaint : checkRunConfig(config, testCatalog(), hiddenSize))
                names.push_back(complaint.field);
            return names;
        };
        const std::vector<std::string> high{"training.learning_rate"}, none;
        QCOMPARE(fields(0), high); // unknown: as for a large one
        QCOMPARE(fields(4096), high);
        QCOMPARE(fields(576), high);
        QCOMPARE(fields(256), none); // 2048 / 256 = 8 times the usual rate, and four times that
        // With validation rows the best checkpoint is used: many epochs spoil nothing, without end they waste time.
        config.training["learning_rate"] = 2e-4;
        config.training["epochs"] = 60.0;
        QCOMPARE(fields(0), std::vector<std::string>{"training.epochs"});
        config.training["early_stopping_patience"] = std::int64_t{3};
        QCOMPARE(fields(0), none);
    }
    // The starter model, 256 wide, needed 0.001 with LoRA: the usual rate of a model of some billions leaves it where it was.
    void practiceWithASmallModelNeedsAHigherRate() {
        Catalog catalog = testCatalog();
        catalog.objectives.push_back({{"grpo", "Practice", "", {}}, "prompt_only"});
        catalog.objectives.back().ownAnswers = true;
        RunConfig config;
        config.model = "m", config.data.train = "t", config.objective.id = "grpo";
        const auto said = [&](std::int64_t hiddenSize) {
            std::string all;
            for (const Complaint& complaint : checkRunConfig(config, catalog, hiddenSize))
                if (complaint.field == "training.learning_rate")
                    all += complaint.message + " " + complaint.hint;
            return all;
        };
        QVERIFY(said(0).empty() && said(2048).empty() && said(4096).empty());
        QVERIFY2(said(256).find("is low") != std::string::npos && said(256).find("Set 8e-05 to 0.001") != std::string::npos, said(256).c_str());
        config.training["learning_rate"] = 1e-3;
        QVERIFY2(said(256).empty(), said(256).c_str());
        QVERIFY(said(2048).find("is high") != std::string::npos);
        config.training["learning_rate"] = 1e-2;
        QVERIFY(said(256).find("is high") != std::string::npos);
    }
    void complaintsNameTheFieldAsTheFormDoes() {
        RunConfig config;
        config.model = "m", config.data.train = "t";
        config.training["batch_size"] = std::int64_t{0};
        const auto complaints = checkRunConfig(config, testCatalog());
        QCOMPARE(complaints.size(), std::size_t{1});
        QVERIFY2(complaints[0].message.starts_with("Batch size (training.batch_size) cannot be 0"), complaints[0].message.c_str());
        QVERIFY(complaints[0].hint.find("from 1 to") != std::string::npos);
    }
    void theStartIsPartOfTheRecipe() {
        RunConfig config;
        config.model = "m", config.start = "runs/3/checkpoints/step-000100";
        const auto again = parseRunConfig(toYaml(config), testCatalog(), "r.yaml");
        QVERIFY(again.has_value());
        QCOMPARE(again->start, config.start);
        QVERIFY(setByPath(config, "start=", testCatalog()) && config.start.empty());
        QVERIFY(toYaml(config).find("start") == std::string::npos); // recipes without one stay the same text
    }
    void presetsFitEveryMethod() {
        const Catalog catalog = testCatalog();
        for (const Preset& preset : presets())
            for (const char* method : {"lora", "full"}) {
                RunConfig config;
                config.model = "m", config.data.train = "t", config.method = {method, {}};
                const auto status = applyPreset(config, preset, catalog);
                QVERIFY2(status.has_value(), status ? "" : status.error().message.c_str());
                QVERIFY(checkRunConfig(config, catalog).empty());
                QCOMPARE(config.model, std::string("m"));
                const double wanted = preset.rateFactor * (method == std::string("full") ? 2e-5 : 2e-4);
                const double rate = paramDouble(config.training, trainingParams().params, "learning_rate");
                QVERIFY2(std::abs(rate - wanted) < 0.02 * wanted, preset.id.c_str()); // two digits
                if (preset.rateFactor == 1)
                    QCOMPARE(rate, wanted);
            }
        QVERIFY(findPreset("balanced") && !findPreset("none"));
    }
    void everyTrainingSettingIsComplete() {
        for (const ParamSpec& spec : trainingParams().params) {
            QVERIFY2(!spec.label.empty() && !spec.help.empty(), spec.key.c_str());
            QVERIFY2(checkParam(spec, spec.defaultValue, spec.key), spec.key.c_str());
            const bool number = std::holds_alternative<double>(spec.defaultValue) ||
                                std::holds_alternative<std::int64_t>(spec.defaultValue);
            QVERIFY2(!number || (spec.min && spec.max && !spec.ifTooHigh.empty() && !spec.ifTooLow.empty()),
                     spec.key.c_str());
            QVERIFY2(!(spec.guided && spec.advanced), spec.key.c_str());
            const auto back = parseParam(spec, paramText(spec.defaultValue), spec.key);
            QVERIFY(back && *back == spec.defaultValue);
        }
        for (const char* key :
             {"epochs", "max_steps", "batch_size", "gradient_accumulation", "max_length", "learning_rate",
              "warmup_ratio", "max_grad_norm", "seed", "precision", "activations", "train_on", "eval_every", "save_every",
              "keep_checkpoints", "early_stopping_patience", "sample_prompts", "sample_max_tokens", "threads"})
            QVERIFY2(findParam(trainingParams().params, key), key);
    }
    void theNearestWordIsATypoAway() {
        const std::vector<std::string> words{"learning_rate", "epochs", "seed"};
        QCOMPARE(nearestWord("lerning_rate", words), std::string("learning_rate"));
        QCOMPARE(nearestWord("epoch", words), std::string("epochs"));
        QCOMPARE(nearestWord("colour", words), std::string());
        QCOMPARE(nearestWord("", words), std::string());
    }
};

ATTUNE_TEST(RunConfigTest)
#include "tst_run_config.moc"
