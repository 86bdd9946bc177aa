// Learning from rewards from the command line: the sample project's rows train with JSON rewards, the reward is recorded, and
// what cannot work is refused with what to change.
#include <QtTest>

#include <cmath>

#include <QFile>
#include <QTemporaryDir>

#include "core/base/json.h"
#include "tests/support/cli_process.h"
#include "tests/support/test_data.h"
#include "tests/support/test_main.h"

using attune::test::kResources;

namespace {

QString rewardRecipe(const QString& folder, const QString& data, const QString& objective) {
    const QString path = folder + "/recipe.yaml";
    QFile file(path);
    if (!file.open(QIODevice::WriteOnly))
        return {};
    file.write(QString("model: %1/starter_model\n"
                       "data:\n  train: %2\n"
                       "method:\n  id: lora\n  r: 4\n"
                       "objective:\n%3"
                       "training:\n  max_steps: 2\n  batch_size: 2\n  sample_max_tokens: 0\n")
                   .arg(kResources, data, objective)
                   .toUtf8());
    return path;
}

} // namespace

class TestRewardTraining : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void theSampleProjectTrains() {
        QTemporaryDir folder;
        const QString run = folder.path() + "/run";
        const QString recipe = rewardRecipe(folder.path(), kResources + "/sample_project/train.jsonl",
                                            "  id: grpo\n  num_generations: 3\n  max_completion_length: 24\n  eval_prompts: 2\n"
                                            "  json_weight: 1\n  json_keys: [category, urgency]\n  json_fields_weight: 2\n  exact_match_weight: 0.5\n");
        const auto result = attune::test::runCli({"train", recipe, "--out", run});
        QVERIFY2(result.exitStatus == 0, result.errors.constData());
        QVERIFY(QFile::exists(run + "/adapter/adapter_model.safetensors"));
        QFile metrics(run + "/metrics.jsonl");
        QVERIFY(metrics.open(QIODevice::ReadOnly));
        int steps = 0, evals = 0;
        double peak = 0, predicted = 0;
        while (!metrics.atEnd()) {
            const attune::Json event = attune::Json::parse(metrics.readLine().toStdString());
            if (event.at("type") == "memory")
                peak = event.at("peak_bytes").get<double>(), predicted = event.at("predicted_peak_bytes").get<double>();
            if (event.at("type") != "step" && event.at("type") != "eval")
                continue;
            (event.at("type") == "step" ? steps : evals) += 1;
            const attune::Json& values = event.at("metrics");
            for (const char* name : {"reward", "reward_std", "rewards/json/mean", "rewards/json_fields/mean", "rewards/exact_match/std",
                                     "completions/mean_length", "completions/clipped_ratio"})
                QVERIFY2(values.contains(name), name);
            const double sum = values.at("rewards/json/mean").get<double>() + 2 * values.at("rewards/json_fields/mean").get<double>() +
                               0.5 * values.at("rewards/exact_match/mean").get<double>();
            QVERIFY(std::abs(values.at("reward").get<double>() - sum) < 1e-9);
        }
        QVERIFY(steps == 2 && evals == 3);
        QVERIFY2(std::abs(predicted - peak) <= 0.1 * peak, qPrintable(QString("estimated %1, measured %2").arg(predicted).arg(peak)));
        // Two steps teach nothing, and the run says so instead of ending like a success.
        QVERIFY2(result.errors.contains("without a gain on the validation prompts") || result.errors.contains("no gain that these prompts"),
                 result.errors.constData());
    }

    void whatCannotWorkIsRefused() {
        QTemporaryDir folder;
        const QString data = kResources + "/sample_project/train.jsonl";
        const auto refused = [&](const QString& objective, const QString& file, const char* expected) {
            const auto result = attune::test::runCli({"train", rewardRecipe(folder.path(), file, objective), "--out", folder.path() + "/run"});
            QCOMPARE(result.exitStatus, 1);
            QVERIFY2(result.errors.contains(expected), result.errors.constData());
        };
        refused("  id: grpo\n", data, "json_weight");
        refused("  id: grpo\n  regex_weight: 1\n", data, "regex_pattern");
        QFile prompts(folder.path() + "/prompts.jsonl");
        QVERIFY(prompts.open(QIODevice::WriteOnly));
        prompts.write("{\"prompt\": \"How are you?\"}\n{\"prompt\": \"What is new?\"}\n");
        prompts.close();
        refused("  id: grpo\n  exact_match_weight: 1\n  max_completion_length: 24\n", prompts.fileName(), "no answer of its own");
        QFile texts(folder.path() + "/texts.jsonl");
        QVERIFY(texts.open(QIODevice::WriteOnly));
        texts.write("{\"text\": \"Some text.\"}\n{\"text\": \"Another text.\"}\n");
        texts.close();
        refused("  id: grpo\n  length_weight: 1\n  max_completion_length: 24\n", texts.fileName(), "plain texts");
    }
};

ATTUNE_TEST(TestRewardTraining)
#include "tst_reward_training.moc"
