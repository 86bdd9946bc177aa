// Scenes of the Train station: nothing yet, setting up, in the middle of a run, finished, failed, history with two
// runs.
#pragma once

#include <QFile>
#include <QPushButton>
#include <QScrollArea>

#include "core/plan/presets.h"
#include "gallery_data.h"
#include "gallery_finished_run.h"
#include "gallery_stage.h"
#include "ui/charts/loss_chart.h"
#include "ui/views/train/curves_card.h"
#include "ui/views/train/history_page.h"
#include "ui/views/train/live_page.h"
#include "ui/views/train/reward_path.h"
#include "ui/views/train/setup_page.h"
#include "ui/views/train/train_view.h"

namespace attune::gallery {

/// The tiny test model under the shape of a usual small one: only its config is read here.
inline QString writeSmallModel(const QString& parent) {
    const QString folder = writeTinyModel(parent, 2048), named = parent + "/SmolLM2-135M-Instruct";
    QFile config(folder + "/config.json");
    const Json shape{{"architectures", {"LlamaForCausalLM"}},
                     {"model_type", "llama"},
                     {"hidden_size", 576},
                     {"num_hidden_layers", 30},
                     {"num_attention_heads", 9},
                     {"num_key_value_heads", 3},
                     {"intermediate_size", 1536},
                     {"vocab_size", 49152},
                     {"max_position_embeddings", 2048},
                     {"rms_norm_eps", 1e-5},
                     {"hidden_act", "silu"},
                     {"tie_word_embeddings", true}};
    if (!config.open(QIODevice::WriteOnly) || config.write(QByteArray::fromStdString(shape.dump())) < 0)
        qFatal("cannot write the test's model");
    config.close();
    QDir().rename(folder, named);
    return named;
}

inline TrainView& trainView(Stage& stage) {
    return *qobject_cast<TrainView*>(stage.window->view("train"));
}

/// A project with frozen rows and a model, ready to start.
inline void readyToTrain(Stage& stage) {
    stage.knowComputer();
    stage.openProject([&](Project& project) {
        fillSample(project, true);
        (void)project.setSetting("model.path", sstr(writeSmallModel(stage.folder.path())));
    });
    (void)QTest::qWaitFor([&] { return trainView(stage).setup().isReady() && !trainView(stage).setup().isLoading(); },
                          20'000);
}

/// A project with frozen preference pairs and a model.
inline void pairsToTrain(Stage& stage) {
    stage.knowComputer();
    stage.openProject([&](Project& project) {
        auto appender = project.datasets().beginImport("answers_compared", "answers_compared.jsonl", {});
        if (!appender)
            qFatal("%s", appender.error().message.c_str());
        for (int i = 0; i < 640; ++i) {
            Sample sample;
            sample.kind = SampleKind::Preference;
            sample.messages = {{"user", "My parcel " + std::to_string(i) + " came wet and the kettle is dead. What now?"}};
            sample.chosen = "I am sorry about the kettle. Send us a photo of the parcel and we replace it this week, free of charge.";
            sample.rejected = "Please consult our terms and conditions.";
            sample.split = i % 8 == 0 ? Split::Validation : i % 8 == 1 ? Split::Test : Split::Train;
            sample.sourceRow = i + 1;
            if (const Status added = (*appender)->add(sample); !added)
                qFatal("%s", added.error().message.c_str());
        }
        if (!(*appender)->commit() || !project.datasets().freeze((*appender)->datasetId()))
            qFatal("the pairs were not kept");
        (void)project.setSetting("model.path", sstr(writeSmallModel(stage.folder.path())));
    });
    (void)QTest::qWaitFor([&] { return trainView(stage).setup().isReady() && !trainView(stage).setup().isLoading(); },
                          20'000);
}

inline void startRun(Stage& stage) {
    readyToTrain(stage);
    trainView(stage).start();
    (void)QTest::qWaitFor([&] { return stage.runs.isActive() || stage.runs.current().runId > 0; }, 10'000);
}

/// Finished runs of one model and data version with and without a protection, their losses kept as a run keeps them.
inline void addProtectedRuns(Project& project) {
    struct Measured {
        const char *name, *protection;
        double validation, general; // at the best checkpoint
    };
    static constexpr Measured kRuns[] = {{"LoRA r 16", "none", 0.92, 1.88},         {"LoRA r 16, replay 15 %", "replay", 0.95, 1.52},
                                         {"LoRA r 64, twice as long, the rate of the first", "none", 0.81, 2.21}, {"LoRA r 64, replay 30 %", "replay", 0.84, 1.61},
                                         {"Gentle", "none", 1.74, 1.49}};
    for (const Measured& measured : kRuns) {
        RunConfig recipe;
        recipe.name = measured.name, recipe.model = "/models/SmolLM2-135M-Instruct";
        recipe.data.datasetVersion = 1, recipe.data.general = "general.jsonl";
        recipe.protection = {measured.protection, {}};
        RunRecord run;
        run.name = recipe.name, run.recipe = toYaml(recipe), run.state = "queued";
        const auto id = project.runs().add(run);
        if (!id)
            qFatal("%s", id.error().message.c_str());
        std::vector<MetricPoint> points;
        for (int step = 0; step <= 200; step += 20) {
            const double share = step / 200.0;
            points.push_back({"validation_loss", step, 2.9 + (measured.validation - 2.9) * share});
            points.push_back({"general_loss", step, 1.45 + (measured.general - 1.45) * share});
            if (step > 0)
                points.push_back({"loss", step, 2.8 + (measured.validation - 2.9) * share});
        }
        if (!project.runs().appendMetrics(*id, std::move(points)).get() || !project.runs().setState(*id, "finished"))
            qFatal("the run was not kept");
    }
}

inline std::vector<Scene> trainScenes() {
    const auto ended = [](Stage& stage) { return stage.runs.current().runId > 0 && !stage.runs.isActive(); };
    FakeEngineOptions slow, overfitting, failing, quick;
    slow.steps = 3000, slow.stepTime = std::chrono::milliseconds(5), slow.evalEvery = 150;
    overfitting.steps = 480, overfitting.evalEvery = 40, overfitting.overfits = true;
    failing.steps = 480, failing.evalEvery = 40, failing.failAtStep = 137;
    quick.steps = 240, quick.evalEvery = 30;
    std::vector<Scene> scenes;
    scenes.push_back({"train",
                      "empty",
                      [](Stage& stage) {
                          stage.openProject();
                          QTest::qWait(200);
                      },
                      {},
                      {}});
    scenes.push_back({"train",
                      "unready",
                      [](Stage& stage) {
                          stage.knowComputer();
                          stage.openProject([](Project& project) { fillSample(project, false); });
                          QTest::qWait(400);
                      },
                      {},
                      {}});
    scenes.push_back({"train", "full", [](Stage& stage) { readyToTrain(stage); }, {}, {}});
    scenes.push_back({"train", "pairs", [](Stage& stage) { pairsToTrain(stage); }, {}, {}});
    scenes.push_back({"train",
                      "practice", // a reward model is there and good enough
                      [](Stage& stage) {
                          pairsToTrain(stage);
                          RunConfig judge = trainView(stage).setup().config();
                          judge.objective = {"reward", {}};
                          RunRecord record;
                          record.name = "Run 1", record.recipe = toYaml(judge), record.state = "queued";
                          record.datasetVersion = judge.data.datasetVersion;
                          RunStore& runs = stage.project.get()->runs();
                          const auto id = runs.add(record);
                          if (!id || !runs.appendMetrics(*id, {{"validation_rewards/accuracies", 60, 0.775}}).get() || !runs.setState(*id, "finished"))
                              qFatal("the reward model's run was not kept");
                          stage.project.noteChange("runs");
                          auto* path = trainView(stage).findChild<RewardPath*>();
                          (void)QTest::qWaitFor([&] { return path->ready(); }, 10'000);
                          QTest::qWait(300);
                          for (QWidget* outer = path->parentWidget(); outer; outer = outer->parentWidget())
                              if (auto* area = qobject_cast<QScrollArea*>(outer)) {
                                  area->ensureWidgetVisible(path, 0, 60);
                                  break;
                              }
                      },
                      [](Stage& stage) { return trainView(stage).findChild<RewardPath*>()->ready(); },
                      {}});
    scenes.push_back({"train",
                      "settings", // further down the form
                      [](Stage& stage) {
                          readyToTrain(stage);
                          trainView(stage).setup().focusField("training.max_steps");
                          QTest::qWait(100);
                      },
                      {},
                      {}});
    scenes.push_back({"train",
                      "fitted",
                      [](Stage& stage) {
                          readyToTrain(stage);
                          Computer crowded = *stage.computer.computer();
                          crowded.freeMemoryBytes = 900'000'000;
                          stage.computer.setComputer(crowded);
                          RunConfig config = trainView(stage).setup().config();
                          config.method = {"full", {}};
                          trainView(stage).setup().useConfig(config);
                          QTest::qWait(200);
                          for (QPushButton* button : trainView(stage).findChildren<QPushButton*>())
                              if (button->text() == "Fit" && button->isVisible())
                                  button->click();
                          QTest::qWait(200);
                      },
                      {},
                      {}});
    scenes.push_back({"train",
                      "checked",
                      [](Stage& stage) {
                          readyToTrain(stage);
                          for (QPushButton* button : trainView(stage).findChildren<QPushButton*>())
                              if (button->text() == "Check" && button->isVisible())
                                  button->click();
                      },
                      [](Stage& stage) { return trainView(stage).setup().measured().has_value(); },
                      {}});
    const auto expert = [](Stage& stage, const std::function<void(Stage&)>& ready) {
        stage.settings.setDepth(Depth::Expert);
        ready(stage);
        RunConfig config = trainView(stage).setup().config();
        config.protection = {"replay", {}};
        config.data.general = "/data/general/wikitext_sample_of_everyday_english.jsonl";
        config.training["batch_size"] = std::int64_t{16};
        config.method.params["alpha"] = 100000.0;
        trainView(stage).setup().useConfig(config);
        QTest::qWait(200);
    };
    scenes.push_back({"train", "expert", [expert](Stage& stage) { expert(stage, readyToTrain); }, {}, {}, 3000}); // the whole form
    scenes.push_back({"train", "expert_pairs", [expert](Stage& stage) { expert(stage, pairsToTrain); }, {}, {}, 3000});
    FakeEngineOptions noisy;
    noisy.otherLoad = 0.46;
    scenes.push_back({"train",
                      "checked_busy",
                      [](Stage& stage) {
                          readyToTrain(stage);
                          for (QPushButton* button : trainView(stage).findChildren<QPushButton*>())
                              if (button->text() == "Check" && button->isVisible())
                                  button->click();
                      },
                      [](Stage& stage) { return trainView(stage).setup().measured().has_value(); },
                      noisy});
    scenes.push_back({"train",
                      "live_pairs", // the curves of an objective that learns from pairs
                      [](Stage& stage) {
                          pairsToTrain(stage);
                          trainView(stage).start();
                      },
                      [](Stage& stage) { return stage.runs.current().lastStep.step >= 900; }, slow, 1080});
    scenes.push_back({"train",
                      "live_rewards",
                      [](Stage& stage) {
                          readyToTrain(stage);
                          RunConfig config = trainView(stage).setup().config();
                          config.objective = {"grpo", {}};
                          config.name = "Answers checked by a rule, third attempt with a longer name than usual";
                          trainView(stage).setup().useConfig(config);
                          QTest::qWait(200);
                          trainView(stage).start();
                      },
                      [](Stage& stage) { return stage.runs.current().lastStep.step >= 900; }, slow, 1080});
    scenes.push_back({"train",
                      "no_run",
                      [](Stage& stage) {
                          readyToTrain(stage);
                          trainView(stage).showPage(TrainView::LiveIndex);
                      },
                      {},
                      {}});
    scenes.push_back({"train",
                      "further", // a recipe that begins with another run's checkpoint
                      [](Stage& stage) {
                          readyToTrain(stage);
                          RunConfig config = trainView(stage).setup().config();
                          config.start = "runs/3/checkpoints/step-000160";
                          trainView(stage).setup().useConfig(config);
                          QTest::qWait(200);
                      },
                      {},
                      {}});
    scenes.push_back({"train", "live", [](Stage& stage) { startRun(stage); },
                      [](Stage& stage) { return stage.runs.current().lastStep.step >= 1100; }, slow});
    scenes.push_back({"train", "finished", [](Stage& stage) { startRun(stage); }, ended, overfitting});
    scenes.push_back({"train", "failed", [](Stage& stage) { startRun(stage); }, ended, failing});
    scenes.push_back(
        {"train",
         "history",
         [ended](Stage& stage) {
             startRun(stage);
             (void)QTest::qWaitFor([&] { return ended(stage); }, 10'000);
             RunConfig config = trainView(stage).setup().config();
             (void)applyPreset(config, *findPreset("thorough"), stage.runs.catalog());
             trainView(stage).setup().useConfig(config);
             (void)QTest::qWaitFor(
                 [&] { return trainView(stage).setup().isReady() && !trainView(stage).setup().isLoading(); }, 10'000);
             trainView(stage).start();
             (void)QTest::qWaitFor([&] { return stage.runs.current().runId == 2 && ended(stage); }, 10'000);
             trainView(stage).showPage(TrainView::HistoryIndex);
             QTest::qWait(200);
             trainView(stage).history().select({1, 2});
         },
         {},
         quick});
    scenes.push_back({"train",
                      "history_points", // what runs with different protections gained and lost
                      [](Stage& stage) {
                          stage.openProject(addProtectedRuns);
                          trainView(stage).showPage(TrainView::HistoryIndex);
                          QTest::qWait(300);
                          trainView(stage).history().curves().showPage(CurvesCard::GainedAndLost);
                      },
                      {},
                      {}});
    scenes.push_back({"train",
                      "history_no_points", // nothing was measured: in words
                      [](Stage& stage) {
                          stage.openProject(addFinishedRun);
                          trainView(stage).showPage(TrainView::HistoryIndex);
                          QTest::qWait(300);
                          trainView(stage).history().curves().showPage(CurvesCard::GainedAndLost);
                      },
                      {},
                      {}});
    return scenes;
}

} // namespace attune::gallery
