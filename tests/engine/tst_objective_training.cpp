// Every method with every objective, through the whole of a run on a real small model: it learns, a stopped run continues in
// the same bits, the result can be loaded, the base model's files stay as they are, data of the wrong kind is refused.
#include <QTemporaryDir>
#include <QtTest>

#include <cmath>

#include <ATen/ATen.h>

#include "core/base/rng.h"
#include "core/engine/model_loader.h"
#include "core/engine/score.h"
#include "core/engine/train_run.h"
#include "core/methods/method.h"
#include "core/objectives/policy_objective.h"
#include "tests/support/test_data.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

// Sentences with a rule: the better answers end well, the worse ones repeat one word.
std::vector<Sample> samplesOf(const std::string& kind, std::size_t count) {
    const std::vector<std::string> who{"Tim", "Lily", "Tom", "Anna", "Ben", "Sue"}, what{"ball", "dog", "boat", "bird", "car", "hat"};
    std::vector<Sample> samples;
    Rng rng(5);
    for (std::size_t i = 0; i < count; ++i) {
        const std::string name = who[rng.below(who.size())], thing = what[rng.below(what.size())];
        const std::string good = name + " was happy with the " + thing + ".", bad = thing + " " + thing + " " + thing + " no no";
        Sample sample;
        sample.id = std::to_string(i);
        sample.messages = {{"user", "Tell me about " + name + " and the " + thing + "."}};
        if (kind == "chat") {
            sample.messages.push_back({"assistant", good});
        } else if (kind == "text") {
            sample.kind = SampleKind::Text;
            sample.messages.clear();
            sample.text = "Once " + good + " Then " + good;
        } else if (kind == "preference") {
            sample.kind = SampleKind::Preference;
            sample.chosen = good, sample.rejected = bad;
        } else if (kind == "unpaired") {
            sample.kind = SampleKind::Unpaired;
            sample.label = i % 2 == 0;
            sample.chosen = sample.label ? good : bad;
        } else {
            sample.kind = SampleKind::PromptOnly;
        }
        samples.push_back(std::move(sample));
    }
    return samples;
}

struct Ran {
    Status status;
    std::vector<TrainingEvent> events;
    template <class Event>
    std::vector<Event> all() const {
        std::vector<Event> found;
        for (const auto& event : events)
            if (const auto* e = std::get_if<Event>(&event))
                found.push_back(*e);
        return found;
    }
};

RunConfig configFor(const fs::path& model, const std::string& method, const std::string& objective) {
    RunConfig config;
    config.model = model.string();
    config.data.train = "in memory";
    config.method.id = method;
    config.objective.id = objective;
    config.training = {{"max_steps", std::int64_t{30}}, {"batch_size", std::int64_t{4}}, {"precision", std::string("f32")},
                       {"learning_rate", method == "full" ? 1e-3 : 5e-3}, {"sample_max_tokens", std::int64_t{0}},
                       {"save_every", std::int64_t{10}}, {"eval_every", std::int64_t{15}}};
    if (findObjective(objective)->policy()) {
        config.objective.params = {{"similarity_weight", 1.0}, {"max_completion_length", std::int64_t{16}}};
        config.training["threads"] = std::int64_t{1}; // decoding this small a model in step with another thread is slow on a busy machine
        config.training["batch_size"] = std::int64_t{12};
        if (objective == "grpo") {
            config.objective.params["beta"] = 0.01;
            config.training["batch_size"] = std::int64_t{4};
        } else { // four passes over the same answers: smaller steps
            config.objective.params["temperature"] = 1.0;
            config.training["learning_rate"] = method == "full" ? 3e-4 : 1e-3;
        }
        if (method == "prompt_tuning") { // fewer vectors that move farther
            config.method.params["num_virtual_tokens"] = std::int64_t{4};
            config.objective.params.erase("beta");
            config.training["batch_size"] = std::int64_t{12};
            config.training["learning_rate"] = objective == "grpo" ? 0.05 : 0.02;
        }
    }
    return config;
}

Ran run(const RunConfig& config, const fs::path& folder, const std::string& dataKind, std::int64_t stopAfter = -1, bool resume = false) {
    TrainRequest request;
    request.config = config;
    request.folder = folder.string();
    request.train = std::make_shared<VectorSampleSource>(samplesOf(dataKind, 12), "train");
    request.validation = std::make_shared<VectorSampleSource>(samplesOf(dataKind, 12), "validation");
    request.resume = resume;
    Ran ran;
    std::stop_source stop;
    PauseToken pause;
    fs::create_directories(folder);
    ran.status = trainRun(request, stop.get_token(), pause, [&](TrainingEvent event) {
        if (const auto* step = std::get_if<StepFinished>(&event); step && step->step == stopAfter)
            stop.request_stop();
        ran.events.push_back(std::move(event));
    });
    return ran;
}

std::string folderHash(const fs::path& folder) { // every result file in it
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder))
        if (entry.path().extension() == ".safetensors")
            files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    std::string text;
    for (const fs::path& file : files)
        text += hashFile(file).value();
    return text;
}

fs::path resultOf(const fs::path& folder) { return fs::exists(folder / "adapter") ? folder / "adapter" : folder / "model"; }

} // namespace

class TestObjectiveTraining : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void everyMethodLearnsEveryObjective_data() {
        QTest::addColumn<QString>("method");
        QTest::addColumn<QString>("objective");
        for (const auto& method : builtinMethods())
            for (const auto& objective : builtinObjectives())
                QTest::newRow((method->description().id + " " + objective->description().id).c_str())
                    << QString::fromStdString(method->description().id) << QString::fromStdString(objective->description().id);
    }
    void everyMethodLearnsEveryObjective() {
        QFETCH(QString, method);
        QFETCH(QString, objective);
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        QTemporaryDir temporary;
        const fs::path folder = temporary.path().toStdString();
        const RunConfig config = configFor(dataPath, method.toStdString(), objective.toStdString());
        const std::string kind = findObjective(objective.toStdString())->sampleKind();
        const std::string base = folderHash(dataPath);

        const Ran whole = run(config, folder / "whole", kind);
        QVERIFY2(whole.status, whole.status ? "" : whole.status.error().message.c_str());
        const auto evals = whole.all<EvalFinished>();
        QCOMPARE(evals.size(), std::size_t{3}); // steps 0, 15, 30
        QVERIFY2(evals.back().loss < evals.front().loss,
                 qPrintable(QString("%1 -> %2").arg(evals.front().loss).arg(evals.back().loss)));
        if (findObjective(objective.toStdString())->policy()) { // answers that are tried out get better, too
            const auto rewards = whole.all<StepFinished>();
            double first = 0, last = 0;
            for (std::size_t i = 0; i < 8; ++i)
                first += rewards[i].metrics.at("reward") / 8, last += rewards[rewards.size() - 1 - i].metrics.at("reward") / 8;
            // The held-out reward above must rise; that of the drawn answers, a mean over eight steps, by more than it wavers (about 0.01).
            QVERIFY2(method == "prompt_tuning" || last > first + 0.015, qPrintable(QString("%1 -> %2").arg(first).arg(last)));
            QCOMPARE(evals.back().loss, -evals.back().metrics.at("reward"));
            for (const char* name : {"entropy", "completions/mean_length", "rewards/similarity/mean", "compute/backward_tokens"})
                QVERIFY2(rewards.back().metrics.contains(name), name);
            // It begins as its own reference; where there are several updates, only the writing did.
            if (const auto kl = rewards.front().metrics.find(objective == "ppo" ? "objective/kl" : "kl"); kl != rewards.front().metrics.end())
                QVERIFY(method == "prompt_tuning" || std::abs(kl->second) < (objective == "ppo" ? 1e-3 : 1e-6)); // its start has virtual tokens
            else
                QVERIFY(method == "prompt_tuning");
            QCOMPARE(fs::exists(resultOf(folder / "whole") / "value_head.safetensors"), objective == "ppo");
        }
        // A few virtual tokens lower the loss in 30 steps; that every margin grows as well is asked of the weights' methods.
        if (const auto margin = evals.back().metrics.find("rewards/margins"); margin != evals.back().metrics.end())
            QVERIFY2(method == "prompt_tuning" || margin->second > evals.front().metrics.at("rewards/margins") + 0.01,
                     qPrintable(QString("%1 -> %2").arg(evals.front().metrics.at("rewards/margins")).arg(margin->second)));
        else
            QVERIFY(kind == "chat" || kind == "text");
        QCOMPARE(whole.all<StepFinished>().size(), std::size_t{30});
        const auto described = findObjective(objective.toStdString())->metrics(); // the window has words for all it draws
        const std::map<std::string, double> reported = whole.all<StepFinished>().back().metrics;
        for (const auto& [name, value] : reported) {
            MetricSpec filled;
            QVERIFY2(findMetric(described, name, filled), name.c_str());
        }
        QCOMPARE(folderHash(dataPath), base);

        // Stopped and continued twice, each time on weights read afresh: the same bits, so what is frozen has not moved in the whole run.
        QVERIFY(run(config, folder / "parts", kind, 7).status);
        QVERIFY(run(config, folder / "parts", kind, 16, true).status);
        const Ran last = run(config, folder / "parts", kind, -1, true);
        QVERIFY2(last.status, last.status ? "" : last.status.error().message.c_str());
        QVERIFY(!last.all<StepFinished>().empty() && last.all<StepFinished>().front().step == 17);
        QCOMPARE(folderHash(resultOf(folder / "parts")), folderHash(resultOf(folder / "whole")));

        // The result is another model than the base, and merging changes nothing.
        const bool adapter = fs::exists(folder / "whole" / "adapter");
        auto tuned = loadModel({.model = adapter ? dataPath.string() : (folder / "whole" / "model").string(),
                                .adapter = adapter ? (folder / "whole").string() : std::string(),
                                .precision = "f32"});
        QVERIFY2(tuned, tuned ? "" : tuned.error().message.c_str());
        auto plain = loadModel({.model = dataPath.string(), .adapter = {}, .precision = "f32"});
        const std::vector<std::vector<std::int64_t>> rows{{1, 20, 33, 47, 60, 71, 80, 95, 101, 120}};
        const auto before = scoreRows(*plain->model, rows, {}), after = scoreRows(*tuned->model, rows, {});
        double difference = 0, merged = 0;
        // Virtual tokens are no weights: there is nothing to merge, and that is said.
        QCOMPARE(bool(findMethod(method.toStdString())->merge(*tuned->model)), method != "prompt_tuning");
        const auto afterMerge = scoreRows(*tuned->model, rows, {});
        for (std::size_t i = 0; i < after->front().size(); ++i) {
            difference = std::max(difference, std::abs(double(after->front()[i] - before->front()[i])));
            merged = std::max(merged, std::abs(double(afterMerge->front()[i] - after->front()[i])));
        }
        QVERIFY2(difference > 1e-3, qPrintable(QString::number(difference)));
        QVERIFY2(merged < 1e-3, qPrintable(QString::number(merged)));
    }

    void dataOfTheWrongKindIsRefusedWithANextStep_data() {
        QTest::addColumn<QString>("objective");
        for (const auto& objective : builtinObjectives())
            QTest::newRow(objective->description().id.c_str()) << QString::fromStdString(objective->description().id);
    }
    void dataOfTheWrongKindIsRefusedWithANextStep() {
        QFETCH(QString, objective);
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        QTemporaryDir folder;
        int refused = 0;
        for (const char* kind : {"chat", "text", "preference", "unpaired", "prompt_only"}) {
            if (findObjective(objective.toStdString())->accepts(kind))
                continue;
            const Ran ran = run(configFor(dataPath, "lora", objective.toStdString()), fs::path(folder.path().toStdString()) / kind, kind);
            QVERIFY2(!ran.status, kind);
            QVERIFY2(ran.status.error().message.find("learns from") != std::string::npos, ran.status.error().message.c_str());
            QVERIFY2(ran.status.error().hint.find("choose data with") != std::string::npos, ran.status.error().hint.c_str());
            ++refused;
        }
        QVERIFY(refused >= 2); // prompts are in nearly everything
    }

    void withoutARewardNothingStarts() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        QTemporaryDir folder;
        RunConfig config = configFor(dataPath, "lora", "grpo");
        config.objective.params.erase("similarity_weight");
        const Ran none = run(config, fs::path(folder.path().toStdString()) / "none", "chat");
        QVERIFY(!none.status && none.status.error().hint.find("similarity_weight") != std::string::npos);
        // Rows without answers cannot be compared with; others can be scored.
        config.objective.params["similarity_weight"] = 1.0;
        const Ran lacking = run(config, fs::path(folder.path().toStdString()) / "lacking", "prompt_only");
        QVERIFY(!lacking.status && lacking.status.error().message.find("no answer of its own") != std::string::npos);
        config.objective.params = {{"length_weight", 1.0}, {"length_target", std::int64_t{8}}, {"max_completion_length", std::int64_t{16}}};
        config.training["max_steps"] = std::int64_t{2};
        const Ran prompts = run(config, fs::path(folder.path().toStdString()) / "prompts", "prompt_only");
        QVERIFY2(prompts.status, prompts.status ? "" : prompts.status.error().message.c_str());
        config.objective.params["max_completion_length"] = std::int64_t{512};
        const Ran full = run(config, fs::path(folder.path().toStdString()) / "full", "prompt_only");
        QVERIFY(!full.status && full.status.error().hint.find("max_completion_length") != std::string::npos);
    }

    // A protection holds the weights near their start in every update.
    void protectionsHoldRewardedModelsToo() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        QTemporaryDir folder;
        double moved[2];
        for (const bool held : {false, true}) {
            RunConfig config = configFor(dataPath, "lora", "grpo");
            config.training["max_steps"] = std::int64_t{8};
            if (held)
                config.protection = {"l2_sp", {{"strength", 100.0}}};
            const Ran ran = run(config, fs::path(folder.path().toStdString()) / (held ? "held" : "free"), "chat");
            QVERIFY2(ran.status, ran.status ? "" : ran.status.error().message.c_str());
            moved[held] = ran.all<StepFinished>().back().metrics.at("kl");
            QCOMPARE(ran.all<StepFinished>().back().metrics.contains("penalty"), held);
        }
        QVERIFY2(moved[1] < 0.5 * moved[0], qPrintable(QString("%1, free %2").arg(moved[1]).arg(moved[0])));
    }

    // Several updates from the same answers, without a validation set.
    void severalUpdatesAStepContinueInTheSameBits() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        QTemporaryDir temporary;
        const fs::path folder = temporary.path().toStdString();
        RunConfig config = configFor(dataPath, "lora", "grpo");
        config.objective.params["num_iterations"] = std::int64_t{3};
        config.objective.params["temperature"] = 0.8;
        config.training["max_steps"] = std::int64_t{6};
        const Ran whole = run(config, folder / "whole", "preference");
        QVERIFY2(whole.status, whole.status ? "" : whole.status.error().message.c_str());
        QVERIFY(run(config, folder / "parts", "preference", 3).status);
        QVERIFY(run(config, folder / "parts", "preference", -1, true).status);
        QCOMPARE(folderHash(resultOf(folder / "parts")), folderHash(resultOf(folder / "whole")));
    }

    void theReferenceBeginsAtZeroReward() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        QTemporaryDir folder;
        for (const char* objective : {"dpo", "kto"})
            for (const char* method : {"lora", "full"}) {
                RunConfig config = configFor(dataPath, method, objective);
                config.training["max_steps"] = std::int64_t{1};
                const Ran ran = run(config, fs::path(folder.path().toStdString()) / (std::string(objective) + method),
                                    findObjective(objective)->sampleKind());
                QVERIFY2(ran.status, ran.status ? "" : ran.status.error().message.c_str());
                const auto evals = ran.all<EvalFinished>();
                QVERIFY(std::abs(evals.front().metrics.at("rewards/chosen")) < 1e-5);
                QVERIFY(std::abs(evals.front().metrics.at("rewards/rejected")) < 1e-5);
                QVERIFY(std::abs(evals.front().loss - (objective == std::string("dpo") ? std::log(2.0) : 0.5)) < 1e-5);
            }
    }

    void ktoSaysWhenItsDataDoNotFit() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        QTemporaryDir folder;
        RunConfig config = configFor(dataPath, "lora", "kto");
        config.training["batch_size"] = std::int64_t{1};
        const Ran single = run(config, fs::path(folder.path().toStdString()) / "single", "unpaired");
        QVERIFY(!single.status && single.status.error().hint.find("batch_size") != std::string::npos);

        auto samples = samplesOf("unpaired", 12);
        for (std::size_t i = 0; i < 10; ++i)
            samples[i].label = true;
        config.training["batch_size"] = std::int64_t{4};
        config.training["max_steps"] = std::int64_t{1};
        TrainRequest request;
        request.config = config;
        request.folder = (fs::path(folder.path().toStdString()) / "skewed").string();
        fs::create_directories(request.folder);
        request.train = std::make_shared<VectorSampleSource>(samples, "skewed");
        PauseToken pause;
        std::vector<WarningRaised> warnings;
        QVERIFY(trainRun(request, {}, pause, [&](const TrainingEvent& event) {
            if (const auto* warning = std::get_if<WarningRaised>(&event))
                warnings.push_back(*warning);
        }));
        QVERIFY(std::any_of(warnings.begin(), warnings.end(), [](const WarningRaised& w) {
            return w.id == "data.unbalanced_labels" && w.hint.find("desirable_weight") != std::string::npos;
        }));
    }
};

ATTUNE_TEST(TestObjectiveTraining)
#include "tst_objective_training.moc"
