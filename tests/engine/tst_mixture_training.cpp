// A mixture of experts through whole runs: every method with every objective learns, the router's loss where it is trained, a
// stopped run continues in the same bits, and adapters carry the names PEFT gives them.
#include <QTemporaryDir>
#include <QtTest>

#include <cmath>

#include "core/base/rng.h"
#include "core/engine/model_loader.h"
#include "core/engine/train_run.h"
#include "core/methods/method.h"
#include "core/objectives/policy_objective.h"
#include "tests/support/random_model.h"
#include "tests/support/test_main.h"

using namespace attune;
using namespace attune::test;

namespace {

const Json kTinyMixtral = Json::parse(
    R"({"architectures":["MixtralForCausalLM"],"model_type":"mixtral","hidden_size":32,"num_hidden_layers":2,"num_attention_heads":4,
    "num_key_value_heads":2,"intermediate_size":32,"max_position_embeddings":256,"rms_norm_eps":1e-5,"hidden_act":"silu","num_local_experts":4,
    "num_experts_per_tok":2,"router_aux_loss_coef":0.02,"tie_word_embeddings":false,"rope_theta":10000.0})");

std::vector<Sample> mixtureSamples(const std::string& kind) {
    const std::vector<std::string> who{"Tim", "Lily", "Tom", "Anna"}, what{"ball", "dog", "boat"};
    std::vector<Sample> samples;
    for (std::size_t i = 0; i < 12; ++i) {
        const std::string name = who[i % who.size()], thing = what[i % what.size()];
        const std::string good = name + " was happy with the " + thing + ".", bad = thing + " " + thing + " no no";
        Sample sample;
        sample.id = std::to_string(i);
        sample.messages = {{"user", "Tell me about " + name + " and the " + thing + "."}};
        if (kind == "chat") {
            sample.messages.push_back({"assistant", good});
        } else if (kind == "text") {
            sample.kind = SampleKind::Text, sample.messages.clear(), sample.text = "Once " + good + " Then " + good;
        } else if (kind == "preference") {
            sample.kind = SampleKind::Preference, sample.chosen = good, sample.rejected = bad;
        } else if (kind == "unpaired") {
            sample.kind = SampleKind::Unpaired, sample.label = i % 2 == 0, sample.chosen = sample.label ? good : bad;
        } else {
            sample.kind = SampleKind::PromptOnly;
        }
        samples.push_back(std::move(sample));
    }
    return samples;
}

RunConfig mixtureRecipe(const fs::path& model, const std::string& method, const std::string& objective) {
    RunConfig config;
    config.model = model.string();
    config.data.train = "in memory";
    config.method.id = method, config.objective.id = objective;
    config.training = {{"max_steps", std::int64_t{30}}, {"batch_size", std::int64_t{4}}, {"precision", std::string("f32")},
                       {"learning_rate", method == "full" ? 2e-3 : method == "prompt_tuning" ? 3e-2 : 1e-2},
                       {"sample_max_tokens", std::int64_t{0}}, {"save_every", std::int64_t{10}}, {"eval_every", std::int64_t{30}}};
    if (findObjective(objective)->policy()) { // a random model seldom earns a reward: a few steps, as they come
        config.objective.params = {{"similarity_weight", 1.0}, {"max_completion_length", std::int64_t{8}}};
        config.training["max_steps"] = std::int64_t{2};
    }
    return config;
}

struct MixtureRun {
    Status status;
    std::vector<StepFinished> steps;
    std::vector<EvalFinished> evals;
};

MixtureRun runMixture(const RunConfig& config, const fs::path& folder, std::int64_t stopAfter = -1, bool resume = false) {
    const std::string kind = findObjective(config.objective.id)->sampleKind();
    TrainRequest request;
    request.config = config;
    request.folder = folder.string();
    request.train = std::make_shared<VectorSampleSource>(mixtureSamples(kind), "train");
    request.validation = std::make_shared<VectorSampleSource>(mixtureSamples(kind), "validation");
    request.resume = resume;
    MixtureRun ran;
    std::stop_source stop;
    PauseToken pause;
    fs::create_directories(folder);
    ran.status = trainRun(request, stop.get_token(), pause, [&](TrainingEvent event) {
        if (const auto* step = std::get_if<StepFinished>(&event)) {
            ran.steps.push_back(*step);
            if (step->step == stopAfter)
                stop.request_stop();
        } else if (const auto* eval = std::get_if<EvalFinished>(&event)) {
            ran.evals.push_back(*eval);
        }
    });
    return ran;
}

} // namespace

class TestMixtureTraining : public QObject {
    Q_OBJECT
    QTemporaryDir m_temporary;
    fs::path folder(const std::string& name) const { return fs::path(m_temporary.path().toStdString()) / name; }

private Q_SLOTS:
    void initTestCase() { writeRandomModel(folder("base"), kTinyMixtral, 5.0); }

    void everyMethodLearnsEveryObjectiveWithExperts_data() {
        QTest::addColumn<QString>("method");
        QTest::addColumn<QString>("objective");
        for (const auto& method : builtinMethods())
            for (const auto& objective : builtinObjectives())
                QTest::newRow((method->description().id + " " + objective->description().id).c_str())
                    << QString::fromStdString(method->description().id) << QString::fromStdString(objective->description().id);
    }
    void everyMethodLearnsEveryObjectiveWithExperts() {
        QFETCH(QString, method);
        QFETCH(QString, objective);
        const RunConfig config = mixtureRecipe(folder("base"), method.toStdString(), objective.toStdString());
        const MixtureRun ran = runMixture(config, folder((method + objective).toStdString()));
        QVERIFY2(ran.status, ran.status ? "" : (ran.status.error().message + " " + ran.status.error().hint).c_str());
        QVERIFY(ran.evals.size() >= 2 && !ran.steps.empty());
        if (!findObjective(objective.toStdString())->policy())
            QVERIFY2(ran.evals.back().loss < ran.evals.front().loss,
                     qPrintable(QString("%1 -> %2").arg(ran.evals.front().loss).arg(ran.evals.back().loss)));
        // The router's loss counts where the router learns.
        for (const StepFinished& step : ran.steps) {
            const auto balance = step.metrics.find("aux_loss");
            QCOMPARE(balance != step.metrics.end(), method == "full" || method == "progressive");
            if (balance != step.metrics.end())
                QVERIFY2(balance->second > 0.5 && balance->second < 8, qPrintable(QString::number(balance->second)));
        }
    }

    void theBalanceCanBeSetAndSwitchedOff() {
        double last[2];
        for (const bool strong : {false, true}) {
            RunConfig config = mixtureRecipe(folder("base"), "full", "sft");
            config.training["router_aux_loss_coef"] = strong ? 5.0 : 0.0;
            const MixtureRun ran = runMixture(config, folder(strong ? "strong" : "off"));
            QVERIFY2(ran.status, ran.status ? "" : ran.status.error().message.c_str());
            QCOMPARE(ran.steps.back().metrics.contains("aux_loss"), strong);
            last[strong] = strong ? ran.steps.back().metrics.at("aux_loss") : 0;
            if (strong)
                QVERIFY2(last[1] < ran.steps.front().metrics.at("aux_loss"),
                         qPrintable(QString("%1 -> %2").arg(ran.steps.front().metrics.at("aux_loss")).arg(last[1])));
        }
    }

    void aStoppedRunContinuesInTheSameBits_data() {
        QTest::addColumn<QString>("method");
        for (const char* method : {"lora", "full"})
            QTest::newRow(method) << method;
    }
    void aStoppedRunContinuesInTheSameBits() {
        QFETCH(QString, method);
        RunConfig config = mixtureRecipe(folder("base"), method.toStdString(), "sft");
        config.training["max_steps"] = std::int64_t{12};
        if (method == "lora")
            config.method.params["dropout"] = 0.1;
        const fs::path whole = folder("whole-" + method.toStdString()), parts = folder("parts-" + method.toStdString());
        QVERIFY(runMixture(config, whole).status);
        QVERIFY(runMixture(config, parts, 5).status);
        QVERIFY(runMixture(config, parts, -1, true).status);
        const char* result = method == "lora" ? "adapter/adapter_model.safetensors" : "model/model.safetensors";
        QCOMPARE(hashFile(parts / result).value(), hashFile(whole / result).value());
    }

    void adaptersHavePeftsNames() {
        RunConfig config = mixtureRecipe(folder("base"), "lora", "sft");
        config.training["max_steps"] = std::int64_t{2};
        const MixtureRun ran = runMixture(config, folder("names"));
        QVERIFY2(ran.status, ran.status ? "" : ran.status.error().message.c_str());
        const auto file = SafetensorsFile::open(folder("names") / "adapter/adapter_model.safetensors");
        QVERIFY(file);
        std::size_t experts = 0;
        for (const TensorInfo& tensor : (*file)->tensors()) {
            experts += tensor.name.find(".block_sparse_moe.experts.") != std::string::npos;
            QVERIFY2(tensor.name.find("block_sparse_moe.gate") == std::string::npos, tensor.name.c_str()); // the router is left alone
        }
        QCOMPARE(experts, std::size_t{2 * 4 * 3 * 2}); // blocks, experts, w1 w2 w3, A and B
        QVERIFY((*file)->find("base_model.model.model.layers.1.block_sparse_moe.experts.3.w2.lora_B.weight"));
        const auto json = readJsonFile(folder("names") / "adapter/adapter_config.json");
        QVERIFY(json);
        QCOMPARE((*json)["target_modules"], Json::array({"k_proj", "o_proj", "q_proj", "v_proj", "w1", "w2", "w3"}));
    }
};

ATTUNE_TEST(TestMixtureTraining)
#include "tst_mixture_training.moc"
