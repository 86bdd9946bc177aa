// A reward model on the base network of another run: it scores as it does alone, leaves no trace, is refused where nobody knows
// that it is good, and PPO learns from it.
#include <QTemporaryDir>
#include <QtTest>

#include <cmath>

#include <ATen/ATen.h>

#include "core/base/rng.h"
#include "core/engine/reward_judge.h"
#include "core/engine/score.h"
#include "core/engine/train_run.h"
#include "core/methods/method.h"
#include "core/run/metric_sink.h"
#include "tests/support/test_data.h"
#include "tests/support/test_main.h"

using namespace attune;

namespace {

std::vector<Sample> judgedPairs(std::size_t count) {
    const std::vector<std::string> who{"Tim", "Lily", "Tom", "Anna", "Ben", "Sue"}, what{"ball", "dog", "boat", "bird", "car", "hat"};
    std::vector<Sample> samples;
    Rng rng(15);
    for (std::size_t i = 0; i < count; ++i) {
        const std::string name = who[rng.below(who.size())], thing = what[rng.below(what.size())];
        Sample sample;
        sample.kind = SampleKind::Preference;
        sample.id = std::to_string(i);
        sample.messages = {{"user", "Tell me about " + name + " and the " + thing + "."}};
        sample.chosen = name + " was happy with the " + thing + ".";
        sample.rejected = thing + " " + thing + " " + thing + " no no";
        samples.push_back(std::move(sample));
    }
    return samples;
}

RunConfig judgeConfig(const fs::path& model, const std::string& objective, const std::string& method, std::int64_t steps) {
    RunConfig config;
    config.model = model.string();
    config.method.id = method;
    config.objective.id = objective;
    config.training = {{"max_steps", steps}, {"batch_size", std::int64_t{4}}, {"precision", std::string("f32")},
                       {"learning_rate", 5e-3}, {"sample_max_tokens", std::int64_t{0}}, {"threads", std::int64_t{1}}};
    return config;
}

Status judgeRun(const RunConfig& config, const fs::path& folder, std::vector<TrainingEvent>& events) {
    TrainRequest request;
    request.config = config;
    request.folder = folder.string();
    request.train = std::make_shared<VectorSampleSource>(judgedPairs(12), "train");
    request.validation = std::make_shared<VectorSampleSource>(judgedPairs(12), "validation");
    fs::create_directories(folder);
    PauseToken pause;
    return trainRun(request, {}, pause, [&](TrainingEvent event) { events.push_back(std::move(event)); });
}

void keepRecord(const fs::path& folder, const std::vector<TrainingEvent>& events) { // as the run's controller does
    auto sink = MetricSink::open(folder / "metrics.jsonl");
    QVERIFY(sink.has_value());
    for (const TrainingEvent& event : events)
        QVERIFY(sink->write(event).has_value());
}

} // namespace

class TestRewardJudge : public QObject {
    Q_OBJECT
    QTemporaryDir m_folder;
    fs::path root() const { return m_folder.path().toStdString(); }

private Q_SLOTS:
    void scoresAsAloneAndLeavesNoTrace() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        std::vector<TrainingEvent> events;
        RunConfig config = judgeConfig(dataPath, "reward", "lora", 25);
        config.method.params["r"] = std::int64_t{5};
        const Status trained = judgeRun(config, root() / "judge", events);
        QVERIFY2(trained, trained ? "" : trained.error().message.c_str());
        auto record = readRewardRecord(root() / "judge");
        QVERIFY(record && !record->accuracy); // nobody kept what was measured
        QVERIFY(!checkRewardAccuracy(*record, 0.6, root()) && checkRewardAccuracy(*record, 0, root()));
        keepRecord(root() / "judge", events);
        record = readRewardRecord(root() / "judge");
        QVERIFY(record && record->accuracy && *record->accuracy > 0.9);
        QCOMPARE(record->pairs, 12);
        QVERIFY(checkRewardAccuracy(*record, 0.6, root()));
        const auto tooMuch = checkRewardAccuracy({.adapter = {}, .accuracy = 0.55, .baseModel = {}}, 0.6, root());
        QVERIFY(!tooMuch && tooMuch.error().message.find("55 %") != std::string::npos &&
                tooMuch.error().hint.find("reward_model_min_accuracy") != std::string::npos);

        // Four of five is 80 %, but the interval begins at 38 %: that may be a coin. 80 of 100 is not.
        const auto few = checkRewardAccuracy({.adapter = {}, .accuracy = 0.8, .pairs = 5, .baseModel = {}}, 0.6, root());
        QVERIFY2(!few && few.error().message.find("80 % of the 5 pairs") != std::string::npos && few.error().message.find("38 % to 96 %") != std::string::npos,
                 few ? "taken" : few.error().message.c_str());
        QVERIFY(checkRewardAccuracy({.adapter = {}, .accuracy = 0.8, .pairs = 100, .baseModel = {}}, 0.6, root()));
        QVERIFY(checkRewardAccuracy({.adapter = {}, .accuracy = 0.8, .pairs = 5, .baseModel = {}}, 0, root()));

        for (const char* method : {"lora", "prompt_tuning"}) {
            auto policy = loadModel({.model = dataPath.string(), .adapter = {}, .precision = "f32"});
            QVERIFY(policy.has_value());
            QVERIFY(findMethod(method)->attach(*policy->model, {}, 3));
            policy->model->addValueHead();
            for (Parameter* parameter : policy->model->trainable())
                parameter->value.add_(0.01);
            policy->model->refreshComputeWeights();
            const std::vector<Parameter*> parameters = policy->model->trainable();
            const std::vector<std::vector<std::int64_t>> row{{1, 20, 33, 47, 60, 71, 80}};
            const auto before = scoreRows(*policy->model, row, {});
            auto judge = RewardJudge::load(*record, *policy, *policy->model, 64);
            QVERIFY2(judge, judge ? "" : judge.error().message.c_str());
            std::vector<std::vector<Message>> conversations;
            for (const Sample& sample : judgedPairs(5))
                for (const std::string& answer : {sample.chosen, sample.rejected}) {
                    conversations.push_back(sample.messages);
                    conversations.back().push_back({"assistant", answer});
                }
            const auto scores = (*judge)->score(conversations);
            QVERIFY2(scores, scores ? "" : scores.error().message.c_str());
            const auto after = scoreRows(*policy->model, row, {});
            QCOMPARE(after->front(), before->front());
            QCOMPARE(policy->model->trainable(), parameters);

            // The same model alone, one row after the other.
            auto alone = loadModel({.model = dataPath.string(), .adapter = (root() / "judge").string(), .precision = "f32"});
            QVERIFY(alone && alone->model->scoreHead);
            for (std::size_t i = 0; i < conversations.size(); ++i) {
                const auto tokens = alone->format.trainingRow(conversations[i], TrainOn::Completion, 0);
                PackedTokens batch;
                batch.ids.assign(tokens->ids.begin(), tokens->ids.end());
                batch.targets.assign(batch.ids.size(), -100);
                batch.rowStarts = {0, static_cast<std::int32_t>(batch.ids.size())};
                TrainingPass pass(*alone->model);
                QVERIFY(pass.forward(batch, {.keepForBackward = false, .training = false}));
                const double expected = (*pass.rowScores())[0].item<double>();
                QVERIFY2(std::abs((*scores)[i] - expected) < 1e-4, qPrintable(QString("%1, alone %2").arg((*scores)[i]).arg(expected)));
                if (i % 2 == 1)
                    QVERIFY((*scores)[i - 1] > (*scores)[i]);
            }
        }
    }

    void ppoLearnsFromIt_data() {
        QTest::addColumn<QString>("method");
        for (const char* method : {"lora", "full"})
            QTest::newRow(method) << method;
    }
    void ppoLearnsFromIt() {
        QFETCH(QString, method);
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        QVERIFY2(fs::exists(root() / "judge" / "metrics.jsonl"), "needs the test above");
        RunConfig config = judgeConfig(dataPath, "ppo", method.toStdString(), 30);
        config.training["learning_rate"] = method == "full" ? 1e-3 : 5e-3;
        config.objective.params = {{"reward_model", (root() / "judge").string()}, {"max_completion_length", std::int64_t{16}},
                                   {"temperature", 1.0}, {"kl_coef", 0.02}, {"missing_eos_penalty", 0.0}};
        config.training["batch_size"] = std::int64_t{8};
        std::vector<TrainingEvent> events;
        const Status trained = judgeRun(config, root() / method.toStdString(), events);
        QVERIFY2(trained, trained ? "" : trained.error().message.c_str());
        std::vector<double> rewards;
        for (const TrainingEvent& event : events)
            if (const auto* step = std::get_if<StepFinished>(&event)) {
                rewards.push_back(step->metrics.at("reward"));
                QCOMPARE(step->metrics.at("reward"), step->metrics.at("rewards/reward_model/mean"));
            }
        double first = 0, last = 0;
        for (std::size_t i = 0; i < 8; ++i)
            first += rewards[i] / 8, last += rewards[rewards.size() - 1 - i] / 8;
        QVERIFY2(last > first + 0.1, qPrintable(QString("%1 -> %2").arg(first).arg(last)));
    }

    void theSameRewardForAllTeachesNothing() {
        // However high it is: what the value head expects at first must not make early tokens look worse than late ones.
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        RunConfig config = judgeConfig(dataPath, "ppo", "lora", 2);
        config.objective.params = {{"regex_weight", 5.0}, {"regex_pattern", std::string("^")}, {"max_completion_length", std::int64_t{16}},
                                   {"temperature", 1.0}, {"kl_coef", 0.0}, {"missing_eos_penalty", 0.0}};
        std::vector<TrainingEvent> events;
        const Status trained = judgeRun(config, root() / "same", events);
        QVERIFY2(trained, trained ? "" : trained.error().message.c_str());
        int steps = 0;
        for (const TrainingEvent& event : events)
            if (const auto* step = std::get_if<StepFinished>(&event)) {
                ++steps;
                QCOMPARE(step->metrics.at("reward"), 5.0);
                const double moved = step->metrics.at("policy/approxkl"), wrong = step->metrics.at("loss/value");
                QVERIFY2(moved < 1e-6 && wrong < 1e-6, qPrintable(QString("moved %1, value loss %2").arg(moved).arg(wrong)));
            }
        QCOMPARE(steps, 2);
    }

    void anotherKindOfRunIsRefused() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        std::vector<TrainingEvent> events;
        RunConfig config = judgeConfig(dataPath, "ppo", "lora", 2);
        config.objective.params = {{"reward_model", (root() / "lora").string()}};
        const Status own = judgeRun(config, root() / "refused", events);
        QVERIFY(!own && own.error().message.find("not a reward model") != std::string::npos);
        config.objective.params = {{"reward_model", (root() / "nowhere").string()}};
        QVERIFY(!judgeRun(config, root() / "refused", events));
        // An adapter alone tells nothing of its accuracy; taken on purpose it works.
        config.objective.params = {{"reward_model", (root() / "judge" / "adapter").string()}, {"max_completion_length", std::int64_t{8}}};
        const Status unmeasured = judgeRun(config, root() / "refused", events);
        QVERIFY(!unmeasured && unmeasured.error().message.find("Nobody has measured") != std::string::npos);
        config.objective.params["reward_model_min_accuracy"] = 0.0;
        const Status taken = judgeRun(config, root() / "taken", events);
        QVERIFY2(taken, taken ? "" : taken.error().message.c_str());
    }

    void theAdaptiveControllerContinues() {
        ATTUNE_REQUIRE_TEST_DATA("models/stories260K");
        RunConfig config = judgeConfig(dataPath, "ppo", "lora", 6);
        config.objective.params = {{"similarity_weight", 1.0}, {"max_completion_length", std::int64_t{8}}, {"kl_controller", std::string("adaptive")},
                                   {"kl_horizon", 20.0}, {"num_mini_batches", std::int64_t{2}}, {"whiten_rewards", true}};
        std::vector<TrainingEvent> whole, events;
        QVERIFY(judgeRun(config, root() / "adaptive", whole));
        TrainRequest request;
        request.config = config;
        request.folder = (root() / "parts").string();
        request.train = std::make_shared<VectorSampleSource>(judgedPairs(12), "train");
        request.validation = std::make_shared<VectorSampleSource>(judgedPairs(12), "validation");
        fs::create_directories(request.folder);
        std::vector<double> expected, seen;
        for (const TrainingEvent& event : whole)
            if (const auto* step = std::get_if<StepFinished>(&event))
                expected.push_back(step->metrics.at("kl_coefficient"));
        for (const std::int64_t last : {3, 100}) {
            std::stop_source stop;
            PauseToken pause;
            QVERIFY(trainRun(request, stop.get_token(), pause, [&](const TrainingEvent& event) {
                if (const auto* step = std::get_if<StepFinished>(&event)) {
                    seen.push_back(step->metrics.at("kl_coefficient"));
                    if (step->step == last)
                        stop.request_stop();
                }
            }));
            request.resume = true;
        }
        QCOMPARE(seen, expected);
        QVERIFY(expected.back() != expected.front());
        const auto hash = [&](const char* name) { return hashFile(root() / name / "adapter" / "adapter_model.safetensors").value(); };
        QCOMPARE(hash("parts"), hash("adaptive"));
    }
};

ATTUNE_TEST(TestRewardJudge)
#include "tst_reward_judge.moc"
